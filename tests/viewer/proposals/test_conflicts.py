"""Proposals beside other edits, other data and each other."""

import numpy as np

from napari_hqsam.viewer.canvas.proposal_layer import PROPOSALS
from tests.viewer.conftest import CORNERS
from tests.viewer.helpers.hand import SHIFT


def test_an_object_made_while_proposals_are_written_keeps_its_pixels(
    proposed, monkeypatch
):
    proposed.settings.tool = "point"
    proposed.accept((20, 20))  # begins the session; five are left
    loop, steps = proposed.widget.proposals._loop, []
    monkeypatch.setattr(loop._slices, "start", steps.append)
    proposed.widget.proposals.accept_shown()
    session = proposed.sessions.session
    taken = session.next_ids(3)[2]  # promised to the third of them
    pixels, plane = np.ones((8, 8), bool), proposed.scene.view().labels_plane
    session.derive(taken, (70, 0, 78, 8), pixels, plane, confidence=1.0)
    for _ in steps[0]:
        pass
    assert (proposed.labels == taken).sum() == 64
    assert len(np.unique(proposed.labels)) == 8


def test_undo_brings_a_proposal_back_that_a_better_one_has_most_of(hand, propose):
    hand.settings.hover = False
    propose(hand, [(10, 10, 20), (10, 16, 20)], [0.7, 0.9])  # 6 columns are its own
    hand.widget.proposals.use_tool("click")
    hand.click(20, 12)
    assert len(np.unique(hand.labels)) == 2
    hand.key("U")
    assert not hand.labels.any()
    assert hand.widget.review.count.text() == "2 of 2 proposals shown"


def test_what_was_rejected_before_all_was_cleared_stays_away(proposed):
    y, x = CORNERS[2]
    proposed.widget.proposals.use_tool("click")
    proposed.click(y + 10, x + 10, modifiers=SHIFT)
    proposed.widget.proposals.clear()
    proposed.key("U")
    assert PROPOSALS not in proposed.viewer.layers
    assert proposed.widget.proposals.here.count is not None
    assert not proposed.widget.proposals.here


def test_proposals_of_an_image_that_got_other_data_meanwhile_are_dropped(
    proposed, viewer
):
    other = viewer.add_image(np.zeros((80, 100), np.uint8), name="other")
    viewer.layers.selection.active = other
    proposed.wait()
    assert proposed.scene.image.name == "other"
    viewer.layers["squares"].data = np.zeros((40, 30), np.uint8)
    viewer.layers.selection.active = viewer.layers["squares"]
    proposed.wait()
    assert proposed.scene.image.name == "squares"
    assert not proposed.widget.proposals.here
    proposed.key("J", modifiers=SHIFT)
    assert "No proposals" in proposed.messages[-1]
