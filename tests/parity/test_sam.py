"""Plain SAM's mask decoder: values of the original, to 1e-4."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_hqsam.network import build_network, expected_shapes, pack_tokens
from tests.parity.cases import prompts, rows, sam_features, sample
from tests.parity.seeded import seeded_state_dict

GOLDEN = np.load(Path(__file__).parent / "golden_sam.npz")


@pytest.fixture(scope="module")
def network():
    network = build_network("vit_tiny", hq=False)  # all variants have one decoder
    network.load(seeded_state_dict(expected_shapes("vit_tiny", hq=False)))
    return network.optimize(torch.float32)


@pytest.mark.parametrize("kind", prompts())
def test_masks_and_scores(network, kind):
    with torch.inference_mode():
        tile = network.prepare(sam_features(), torch.empty(0))
        asked = [list(column) for column in zip(*rows(prompts()[kind]), strict=True)]
        decoded = network.decode(tile, pack_tokens(*asked))
    assert decoded.hq is None
    masks = sample(decoded.sam, int(GOLDEN["stride"]))
    np.testing.assert_allclose(masks, GOLDEN[f"{kind}/masks"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(decoded.iou, GOLDEN[f"{kind}/iou"], rtol=0, atol=1e-4)
    assert network.outputs == ("sam",)
