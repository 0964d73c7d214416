"""The widget beside bright squares, six of them proposed with known qualities."""

import numpy as np
import pytest

from napari_hqsam.masks.mask import Mask
from napari_hqsam.prompts import Prompt
from tests.viewer.conftest import CORNERS

QUALITIES = 0.5, 0.6, 0.7, 0.8, 0.9, 0.95


@pytest.fixture
def propose():
    """Return what proposes (y, x, side) squares of some qualities."""

    def put(hand, squares, qualities):
        view = hand.scene.view()
        request = hand.controller.requests.request(view, Prompt([(0, 0)]))
        proposals = hand.widget.proposals
        here = proposals.on(view, request)
        added = [
            proposals.add(
                here,
                Mask.from_crop(np.ones((side, side), bool), (y, x), quality, 1.0),
                quality,
            )
            for (y, x, side), quality in zip(squares, qualities, strict=True)
        ]
        hand.wait()
        return added

    return put


@pytest.fixture
def proposed(hand, propose):
    """The six squares proposed, and the mouse ready to accept them one by one."""
    hand.settings.hover = False
    propose(hand, [(y, x, 20) for y, x in CORNERS], QUALITIES)
    return hand
