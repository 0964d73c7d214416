"""Proposals while other things change: planes, layers, images, labels, searches."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from napari_hqsam import cli, read_labels
from napari_hqsam.viewer.canvas.proposal_layer import PROPOSALS
from tests.viewer.conftest import CORNERS
from tests.viewer.helpers.hand import SHIFT
from tests.viewer.helpers.stack import discs, finish, go, starter
from tests.viewer.proposals.conftest import QUALITIES
from tests.viewer.proposals.test_review import corners, labelled, middle, take, text
from tests.viewer.stack.test_find_all import plane
from tests.viewer.stack.test_find_similar import two_sizes


@pytest.fixture
def start(viewer, open_widget):
    return starter(viewer, open_widget)


def find(hand, button="run"):
    getattr(hand.widget.find_all, button).click()
    finish(hand)


def propose_first(hand):
    box = hand.widget.find_all.propose
    assert not box.value  # as before, unless chosen
    box.native.click()


# --- searches ---------------------------------------------------------------


def test_find_all_proposes_and_finds_again_only_what_is_not_there(start):
    hand = start(plane(), axis=1, z=0)
    known = hand.engine.bright
    known.tuning = replace(known.tuning, automatic_share=1 / 4)
    hand.accept((24, 24))  # so the scale is known
    before = hand.labels.copy()
    propose_first(hand)
    find(hand)
    assert hand.messages[-1] == "3 proposals"
    assert np.array_equal(hand.labels, before)
    assert text(hand) == "3 of 3 proposals shown"
    take(hand, "click")
    hand.click(24, 72)
    hand.click(72, 24, modifiers=SHIFT)
    find(hand)  # neither the accepted nor the rejected one, nor the one proposed
    assert hand.messages[-1] == "No new proposal: nothing else was found"
    assert text(hand) == "1 of 1 proposals shown, 1 rejected"
    hand.widget.proposals.clear()
    find(hand)
    assert hand.messages[-1] == "2 proposals"
    assert len(np.unique(hand.labels)) == 1 + 2


def test_all_like_the_accepted_are_proposed(start):
    hand = start(two_sizes(), axis=1, z=0)
    hand.accept((24, 24))
    propose_first(hand)
    find(hand, "similar")
    assert hand.messages[-1] == "7 proposals"
    hand.key("J", modifiers=SHIFT)
    assert len(np.unique(hand.labels)) == 1 + 8
    assert not hand.labels[:, 96:].any()
    hand.key("U")
    assert np.unique(hand.labels).tolist() == [0, 1]


def test_nothing_is_found_and_nothing_is_shown(start):
    blank = np.full((96, 96), 20, np.uint8)
    blank[0, 0] = 60
    hand = start(blank, axis=1, z=0)
    propose_first(hand)
    find(hand)
    assert hand.messages[-1] == "No new proposal: nothing else was found"
    assert PROPOSALS not in hand.viewer.layers
    assert not hand.widget.review.isVisibleTo(hand.widget)
    hand.key("J", modifiers=SHIFT)
    assert hand.messages[-1] == "No proposals are shown to accept"


def test_each_slice_has_its_own(start):
    hand = start(discs(), z=4)
    propose_first(hand)
    find(hand)
    assert text(hand) == "2 of 2 proposals shown"
    go(hand, 5)
    assert not hand.widget.review.isVisibleTo(hand.widget)
    hand.key("J", modifiers=SHIFT)
    assert not hand.labels.any()
    find(hand)
    take(hand, "click")
    hand.click(24, 24 + 15)
    assert set(np.flatnonzero(hand.labels.any((1, 2)))) == {5}
    layer = hand.viewer.layers[PROPOSALS]
    assert layer.data_to_world((0, 0, 0))[0] == 5
    go(hand, 4)
    assert text(hand) == "2 of 2 proposals shown"
    assert layer.data_to_world((0, 0, 0))[0] == 4
    hand.key("J", modifiers=SHIFT)
    assert set(np.flatnonzero(hand.labels.any((1, 2)))) == {4, 5}


# --- labels -------------------------------------------------------------------


def test_an_object_accepted_by_hand_takes_its_proposal(proposed):
    proposed.accept(middle(2))
    assert text(proposed) == "5 of 5 proposals shown"
    proposed.key("U")
    proposed.key("Q")
    assert text(proposed) == "6 of 6 proposals shown"


def test_what_was_accepted_and_deleted_is_not_proposed_again(proposed, propose):
    take(proposed, "click")
    proposed.click(*middle(0))
    proposed.move(*middle(0))
    proposed.key("Q", modifiers=SHIFT)
    assert not labelled(proposed).any()
    assert text(proposed) == "5 of 5 proposals shown"
    assert propose(proposed, [(11, 11, 19)], [0.9]) == [False]
    proposed.key("U")  # the delete
    proposed.key("U")  # the accept
    assert text(proposed) == "6 of 6 proposals shown"


def test_labels_of_few_ids_refuse_too_many_at_once(proposed, viewer):
    small = np.zeros((80, 100), np.uint8)
    small[0, 0] = 252
    proposed.sessions.use_target(viewer.add_labels(small, name="small"))
    proposed.wait()
    proposed.key("J", modifiers=SHIFT)
    assert "small is uint8 and holds ids up to 255: 3 more" in proposed.notes[-1]
    assert (proposed.labels > 0).sum() == 1
    assert text(proposed) == "6 of 6 proposals shown"
    proposed.notes.clear()
    proposed.widget.review.least.setValue(80)
    proposed.key("J", modifiers=SHIFT)
    assert np.unique(proposed.labels).tolist() == [0, 252, 253, 254, 255]


def test_without_labels_they_go_to_a_new_layer(proposed, viewer):
    proposed.key("J", modifiers=SHIFT)
    viewer.layers.remove(proposed.sessions.target.layer)
    proposed.wait()
    assert text(proposed) == "6 of 6 proposals shown"  # these labels are gone
    take(proposed, "click")
    proposed.click(*middle(3))
    assert np.array_equal(labelled(proposed), corners(3))


def test_a_reopened_session_has_what_was_accepted(proposed):
    take(proposed, "brush")
    proposed.drag(middle(0), middle(2))
    layer = proposed.sessions.target.layer
    proposed.sessions.release_target()
    proposed.wait()
    assert text(proposed) == "6 of 6 proposals shown"
    proposed.sessions.use_target(layer)
    proposed.wait()
    assert text(proposed) == "3 of 3 proposals shown"
    proposed.drag(middle(4), middle(5))
    assert np.array_equal(labelled(proposed), corners(0, 1, 2, 4, 5))


def test_replay_makes_the_same_labels(
    viewer, open_widget, propose, squares, tmp_path, monkeypatch, capsys
):
    Pillow.fromarray(squares).save(tmp_path / "squares.png")
    viewer.open(str(tmp_path / "squares.png"), plugin="napari")
    hand = open_widget()
    propose(hand, [(y, x, 20) for y, x in CORNERS], QUALITIES)
    take(hand, "brush")
    hand.drag(middle(0), middle(2))
    hand.drag(middle(3), middle(5))
    hand.key("U")
    take(hand, "click")
    hand.click(*middle(4))
    hand.saver.save(str(tmp_path / "labels.tif"))
    hand.wait()
    out, journal = tmp_path / "again.tif", tmp_path / "labels.tif.journal.jsonl"
    args = "replay", journal, tmp_path / "squares.png", "-o", out
    monkeypatch.setattr(sys, "argv", ["napari-hqsam", *map(str, args)])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    assert "4 objects" in capsys.readouterr().out
    np.testing.assert_array_equal(read_labels(out), hand.labels)
    assert np.array_equal(hand.labels > 0, corners(0, 1, 2, 4))


@pytest.mark.parametrize("axis", [0, 1])
def test_an_image_with_channels(viewer, open_widget, squares, propose, axis):
    """Of (channel, z, y, x), or of (z, channel, y, x)."""
    names = [["channel", "z"], ["z", "channel"]][axis]
    image = np.broadcast_to(squares, (2, 7, 80, 100) if axis == 0 else (7, 2, 80, 100))
    viewer.add_image(image.copy(), name="squares", axis_labels=(*names, "y", "x"))
    viewer.dims.set_point(1 - axis, 3)
    viewer.reset_view()
    hand = open_widget()
    hand.settings.channel_axis = axis
    hand.settings.hover = False
    hand.wait()
    propose(hand, [(10, 10, 20), (10, 40, 20)], [0.8, 0.9])
    layer = viewer.layers[PROPOSALS]
    corner = layer.data_to_world((0,) * layer.ndim)
    assert corner[-3 if axis == 0 else 0] == 3
    take(hand, "click")
    hand.click(20, 20)
    assert np.flatnonzero(hand.labels.any((1, 2))).tolist() == [3]
    assert text(hand) == "1 of 1 proposals shown"


# --- layers and images --------------------------------------------------------


def test_who_deletes_the_layer_drops_the_proposals(proposed, viewer):
    take(proposed, "click")
    viewer.layers.remove(viewer.layers[PROPOSALS])
    proposed.wait()
    assert not proposed.widget.review.isVisibleTo(proposed.widget)
    proposed.key("J", modifiers=SHIFT)
    assert not labelled(proposed).any()


def test_another_image_has_others_and_going_back_finds_them(proposed, viewer, squares):
    take(proposed, "click")
    proposed.click(*middle(0))
    viewer.add_image(squares.T.copy(), name="other")
    proposed.wait()
    assert PROPOSALS not in viewer.layers
    assert not proposed.widget.review.isVisibleTo(proposed.widget)
    viewer.layers.selection.active = viewer.layers["squares"]
    proposed.wait()
    assert text(proposed) == "5 of 5 proposals shown"
    assert PROPOSALS in viewer.layers
    viewer.layers.remove(viewer.layers["squares"])
    proposed.wait()
    assert PROPOSALS not in viewer.layers


def test_other_pixels_have_no_proposals(proposed, viewer, squares):
    viewer.layers["squares"].data = squares[::-1].copy()
    proposed.wait()
    assert PROPOSALS not in viewer.layers
    assert "proposals are gone" in proposed.messages[-1]


def test_in_3d_they_are_looked_at(proposed, viewer):
    take(proposed, "click")
    viewer.dims.ndisplay = 3
    proposed.wait()
    proposed.key("J", modifiers=SHIFT)
    assert not labelled(proposed).any()
    viewer.dims.ndisplay = 2
    proposed.wait()
    assert text(proposed) == "6 of 6 proposals shown"


def test_a_moved_image_takes_them_along(proposed, viewer):
    viewer.layers["squares"].translate = (100, 50)
    viewer.layers["squares"].scale = (2, 2)
    viewer.reset_view()
    proposed.wait()
    assert viewer.layers[PROPOSALS].data_to_world((0, 0)) == (100, 50)
    take(proposed, "click")
    proposed.click(*middle(1))
    assert np.array_equal(labelled(proposed), corners(1))


def test_undo_during_the_accept_of_many_stops_it(hand, propose):
    squares = [(y, x, 4) for y in range(0, 75, 5) for x in range(0, 95, 5)]
    propose(hand, squares, np.linspace(0.5, 0.9, len(squares)))
    hand.widget.proposals.accept_shown()
    hand.wait(lambda: labelled(hand).any())
    running = hand.widget.proposals.busy
    hand.undo.undo()
    hand.wait()
    assert running
    assert not labelled(hand).any()
    assert text(hand) == f"{len(squares)} of {len(squares)} proposals shown"


def test_closing_writes_what_was_accepted(hand, viewer, propose):
    squares = [(y, x, 4) for y in range(0, 75, 5) for x in range(0, 95, 5)]
    propose(hand, squares, np.linspace(0.5, 0.9, len(squares)))
    hand.widget.proposals.accept_shown()
    hand.wait(lambda: labelled(hand).any())
    layer = hand.sessions.target.layer
    viewer.window.remove_dock_widget(hand.widget)
    assert len(np.unique(layer.data)) == 1 + len(squares)
    assert PROPOSALS not in viewer.layers
