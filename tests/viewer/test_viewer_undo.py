"""Undo takes back all that was done, and what it leaves is as it was before."""

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
    size = hand.controller.asked[1].typical_size
    hand.key("Q")
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
    hand.keeping.save(str(tmp_path / "labels.tif"))
    hand.wait()
    viewer.window.remove_dock_widget(hand.widget)
    viewer.layers.clear()
    viewer.add_image(squares, name="squares")
    hand = open_widget()
    labels = str(tmp_path / "labels.tif")
    (layer,) = viewer.open(labels, layer_type="labels", plugin="napari")
    hand.labelling.use_target(layer)
    hand.wait()
    hand.controller.take_tool()
    assert typical_size(hand, *B) == 20
