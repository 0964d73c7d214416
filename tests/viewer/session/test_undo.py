"""Undo takes back all that was done, and what it leaves is as it was before."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

SHIFT = Qt.KeyboardModifier.ShiftModifier
SPECK, A, B, C = (72, 5), (20, 20), (20, 50), (55, 80)


@pytest.fixture
def hand(viewer, open_widget, squares):
    """Six squares of 20 x 20, and a speck of 3 x 3."""
    squares[71:74, 4:7] = 200
    viewer.add_image(squares, name="squares")
    hand = open_widget()
    hand.settings.hover = False
    return hand


def typical_size(hand, *at):
    """The size that a click goes by; the click is taken back."""
    hand.click(*at)
    size = hand.controller.awaited_request[1].options.typical_size
    hand.key("U")
    return size


# --- what is learnt of the size of objects ----------------------------------------


def test_a_wrong_accept_that_is_undone_leaves_no_size_behind(hand):
    hand.accept(SPECK)
    assert typical_size(hand, *A) == 3
    hand.key("U")
    assert typical_size(hand, *A) is None
    hand.key("U", modifiers=SHIFT)
    assert typical_size(hand, *A) == 3


def test_a_deleted_object_tells_no_size(hand):
    hand.accept(SPECK)
    hand.move(*SPECK)
    hand.key("Q", modifiers=SHIFT)
    assert typical_size(hand, *A) is None
    hand.key("U")
    assert typical_size(hand, *A) == 3


def test_merged_objects_are_as_large_as_the_whole(hand):
    hand.accept(A)
    hand.click(*B)
    hand.move(*A)
    hand.key("N", modifiers=SHIFT)
    assert typical_size(hand, *C) == 50
    hand.key("U")
    assert typical_size(hand, *C) == 20


def test_a_reopened_object_is_as_large_as_it_is_now(hand):
    hand.accept(A)
    hand.move(*A)
    hand.key("J")
    hand.click(*B)
    hand.key("N")
    assert typical_size(hand, *C) == 50
    hand.key("U")
    assert typical_size(hand, *C) == 20


def test_a_session_opened_again_knows_how_large_its_objects_are(
    hand, viewer, open_widget, squares, tmp_path
):
    hand.accept(A)
    hand.saver.save(str(tmp_path / "labels.tif"))
    hand.wait()
    viewer.window.remove_dock_widget(hand.widget)
    viewer.layers.clear()
    viewer.add_image(squares, name="squares")
    hand = open_widget()
    labels = str(tmp_path / "labels.tif")
    (layer,) = viewer.open(labels, layer_type="labels", plugin="napari")
    hand.sessions.use_target(layer)
    hand.wait()
    hand.controller.tools.activate()
    assert typical_size(hand, *B) == 20


# --- the prompts of what is undone ---------------------------------------------------


def prompts(hand):
    return np.asarray(hand.scene.points.data).round().tolist()


def test_with_the_accept_undone_its_prompts_are_back(hand):
    hand.click(*A)
    hand.click(*B)
    hand.key("N")
    hand.key("U")
    assert not hand.labels.any()
    assert np.allclose(prompts(hand), [A, B], atol=1)
    assert hand.current.mask.bbox == (10, 10, 30, 60)
    hand.click(A[0], A[1] + 3, modifiers=SHIFT)  # corrected, not made anew
    assert hand.current.mask.bbox == (10, 40, 30, 60)
    hand.key("N")
    assert set(np.unique(hand.labels)) == {0, 1}
    assert not hand.labels[A]


def test_a_click_elsewhere_leaves_what_undo_took_back(hand):
    hand.accept(SPECK)
    hand.key("U")
    hand.click(*A)
    assert np.allclose(prompts(hand), [A], atol=1)
    assert hand.current.mask.bbox == (10, 10, 30, 30)


def test_undo_goes_on_past_what_it_took_back_and_redo_accepts_it_again(hand):
    hand.accept(A, B, C)
    done = hand.labels.copy()
    for count in (2, 1, 0):
        hand.key("U")
        assert hand.labels.max() == count
    assert len(prompts(hand)) == 1
    for _ in range(3):
        hand.key("U", modifiers=SHIFT)
    assert np.array_equal(hand.labels, done)
    assert not prompts(hand)
    assert hand.current.mask is None


def test_a_candidate_comes_back_with_the_undone_accept(hand):
    hand.click(*A)
    hand.key("K")
    shown = hand.current.mask
    hand.key("N")
    hand.key("U")
    assert np.array_equal(hand.current.mask.data, shown.data)


def test_undo_of_merging_and_splitting_gives_the_prompts_back(hand):
    hand.accept(A)
    hand.click(*B)
    hand.move(*A)
    hand.key("N", modifiers=SHIFT)
    hand.key("U")
    assert hand.labels.max() == 1
    assert not hand.labels[B]
    assert np.allclose(prompts(hand), [B], atol=1)
    hand.key("N", modifiers=SHIFT)
    hand.click(*B)
    hand.key("K", modifiers=SHIFT)
    assert hand.labels[B] == 2
    hand.key("U")
    assert hand.labels[B] == 1
    assert np.allclose(prompts(hand), [B], atol=1)


def test_a_reopened_object_is_open_again_after_undo(hand):
    hand.accept(A)
    hand.move(*A)
    hand.key("J")
    hand.click(*B)
    hand.key("N")
    hand.key("U")
    assert hand.labels[A] == 1
    assert not hand.labels[B]
    assert hand.current.label_id == 1
    hand.click(A[0], A[1] + 3)
    hand.key("N")
    assert hand.labels.max() == 1


def test_a_rejected_object_comes_back(hand):
    hand.accept(C)
    hand.click(*A)
    hand.click(*B)
    hand.key("Q")
    hand.key("U")
    assert np.allclose(prompts(hand), [A, B], atol=1)
    assert hand.labels.max() == 1
    hand.key("Q")
    hand.accept(A)
    hand.key("U")  # the accept, since it came later
    assert hand.labels.max() == 1


def test_undo_before_the_accepted_object_is_there(hand):
    hand.accept(C)
    hand.engine.gate.clear()
    hand.click(*A, wait=False)
    hand.wait(lambda: hand.current.waiting)
    hand.key("N", wait=False)
    hand.key("U", wait=False)
    hand.engine.gate.set()
    hand.wait()
    assert hand.labels.max() == 1
    assert not hand.labels[A]
    assert hand.labels[C] == 1


# --- on another slice than the one shown ----------------------------------------


def shown(hand):
    return hand.scene.view().position[0]


@pytest.fixture
def stacked(viewer, open_widget, squares):
    """The widget on a stack, with an object of two clicks accepted on slice 2."""
    viewer.add_image(np.stack([squares] * 7), name="stack", scale=(3, 1, 1))
    viewer.dims.set_point(0, 6)
    hand = open_widget()
    hand.click(*A)
    hand.click(*B)
    hand.key("N")
    viewer.dims.set_point(0, 15)
    hand.wait()
    return hand


def test_undo_goes_to_the_slice_of_the_accept(stacked):
    hand = stacked
    assert shown(hand) == 5
    hand.key("U")
    assert shown(hand) == 2
    assert not hand.labels.any()
    assert np.allclose(hand.scene.points.data[:, 1:], [A, B], atol=0.5)
    assert hand.current.mask.area == 800
    hand.viewer.dims.set_point(0, 12)
    hand.wait()
    hand.key("U", modifiers=SHIFT)
    assert shown(hand) == 2
    assert (hand.labels[2] == 1).sum() == 800
    assert not len(hand.scene.points.data)
    assert hand.current.mask is None


def test_undo_of_a_reject_goes_to_its_slice(stacked):
    hand = stacked
    hand.click(*C)
    hand.key("Q")
    hand.viewer.dims.set_point(0, 0)
    hand.wait()
    hand.key("U")
    assert shown(hand) == 5
    assert hand.current.mask.area == 400
    assert (hand.labels[2] == 1).sum() == 800


def test_undo_of_other_steps_is_seen_too(stacked):
    hand = stacked
    hand.viewer.dims.set_point(0, 6)
    hand.wait()
    hand.move(*A)
    hand.key("Q", modifiers=SHIFT)
    assert not hand.labels.any()
    hand.viewer.dims.set_point(0, 0)
    hand.wait()
    hand.key("U")
    assert shown(hand) == 2
    assert (hand.labels[2] == 1).sum() == 800
    assert not len(hand.scene.points.data)


def test_prompts_of_the_slice_shown_go_first(stacked):
    hand = stacked
    hand.click(*C)
    hand.key("U")
    assert shown(hand) == 5
    assert (hand.labels[2] == 1).sum() == 800
    hand.key("U")
    assert shown(hand) == 2
    assert len(hand.scene.points.data) == 2
