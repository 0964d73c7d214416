"""One action an object: a click on the next one accepts the one before."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
A, B, C = (20, 20), (20, 50), (20, 80)


@pytest.fixture
def ten(viewer, open_widget):
    """Ten bright discs, and the hand; the setting is on."""
    yy, xx = np.mgrid[:120, :260]
    centres = [
        (30 + 60 * row, 30 + 50 * column) for row in (0, 1) for column in range(5)
    ]
    image = np.zeros(yy.shape, np.uint8)
    for y, x in centres:
        image[np.hypot(yy - y, xx - x) < 15] = 200
    viewer.add_image(image, name="discs")
    hand = open_widget()
    hand.settings.hover = False
    hand.settings.accept_on_click = True
    return hand, centres


@pytest.fixture
def hand(viewer, open_widget, squares):
    viewer.add_image(squares, name="squares")
    hand = open_widget()
    hand.settings.hover = False
    hand.settings.accept_on_click = True
    return hand


def test_ten_cells_take_eleven_actions(ten):
    hand, centres = ten
    for centre in centres:
        hand.click(*centre)
    hand.key("N")
    assert [hand.labels[c] for c in centres] == list(range(1, 11))
    assert not len(hand.scene.points.data)
    assert not hand.notes


@pytest.mark.parametrize("last", ["seen", "unseen"])
def test_clicks_faster_than_the_machine_wait_their_turn(ten, last):
    hand, centres = ten
    hand.engine.gate.clear()
    for centre in centres:
        hand.click(*centre, wait=False)
    if last == "unseen":
        hand.key("N", wait=False)
    hand.engine.gate.set()
    hand.wait(lambda: hand.idle() and not hand.scene.prompts.unclassified)
    if last == "seen":
        hand.key("N")
    assert [hand.labels[c] for c in centres] == list(range(1, 11))


def test_clicks_before_the_first_is_even_looked_at_wait_their_turn(ten):
    hand, centres = ten
    left = Qt.MouseButton.LeftButton
    for centre in centres[:3]:  # nothing else happens in between
        QTest.mouseClick(hand.canvas, left, pos=hand.screen(*centre))
    hand.wait(lambda: hand.idle() and not hand.scene.prompts.unclassified)
    hand.key("N")
    assert [hand.labels[c] for c in centres[:3]] == [1, 2, 3]


def test_undo_takes_back_the_accept_and_the_click(ten):
    hand, centres = ten
    for centre in centres[:3]:
        hand.click(*centre)
    for left in (1, 0):
        hand.key("U")
        assert hand.labels.max() == left
        assert np.allclose(hand.scene.points.data, [centres[left]], atol=1)
        y0, x0, y1, x1 = hand.current.mask.bbox
        assert y0 < centres[left][0] < y1
        assert x0 < centres[left][1] < x1
    hand.click(*centres[4])  # it was never taken back: the click accepts it
    assert hand.labels[centres[0]] == 1
    hand.key("U")
    hand.key("U")
    assert not hand.labels.any()
    assert not len(hand.scene.points.data)


def test_undo_before_the_object_is_in_the_labels(ten):
    hand, centres = ten
    hand.click(*centres[0])
    hand.click(*centres[1], wait=False)
    hand.key("U")
    hand.wait()
    assert not hand.labels.any()


def test_inside_or_with_a_modifier_a_click_corrects(hand):
    hand.click(*A)
    hand.click(A[0] + 4, A[1])
    assert len(hand.scene.points.data) == 2
    hand.click(*B, modifiers=CTRL)
    assert hand.current.mask.bbox == (10, 10, 30, 60)
    hand.click(A[0], A[1] + 5, modifiers=SHIFT)
    assert hand.sessions.target is None
    hand.click(*C)
    assert set(np.unique(hand.labels)) == {0, 1}
    assert hand.current.mask.bbox == (10, 70, 30, 90)
    hand.key("U")
    assert len(hand.scene.points.data) == 4
    assert not hand.labels.any()


def test_while_the_image_is_active_a_click_begins_the_next_object_too(hand):
    hand.viewer.layers.selection.active = hand.scene.image
    hand.wait()
    hand.click(*A)
    hand.click(*B)
    assert hand.labels[A] == 1
    assert hand.current.mask.bbox == (10, 40, 30, 60)
    hand.click(B[0] + 4, B[1], modifiers=SHIFT)
    hand.click(*C, modifiers=CTRL)
    assert hand.labels.max() == 1


def test_a_correction_of_the_next_object_is_undone_alone(hand):
    hand.click(*A)
    hand.click(*B)
    hand.click(*C, modifiers=CTRL)
    hand.key("U")
    assert hand.labels[A] == 1
    assert hand.current.mask.bbox == (10, 40, 30, 60)
    hand.key("U")
    assert not hand.labels.any()
    assert hand.current.mask.bbox == (10, 10, 30, 30)


def test_where_nothing_was_found_nothing_is_accepted(hand):
    hand.click(5, 5)
    hand.click(*A)
    assert hand.sessions.target is None
    assert np.allclose(hand.scene.points.data, [A], atol=1)


def test_it_is_off_at_first_and_remembered(viewer, open_widget, squares, monkeypatch):
    from napari import settings

    class Chosen:
        class widget:
            accept_on_click = False

    monkeypatch.setattr(settings, "get_plugin_settings", lambda name: Chosen)
    viewer.add_image(squares, name="squares")
    hand = open_widget()
    hand.click(*A)
    hand.click(*B)
    assert hand.current.mask.bbox == (10, 10, 30, 60)
    from qtpy.QtWidgets import QCheckBox

    (box,) = [
        box
        for box in hand.widget.findChildren(QCheckBox)
        if box.text() == "click accepts"
    ]
    box.click()
    assert hand.settings.accept_on_click
    assert Chosen.widget.accept_on_click
    viewer.window.remove_dock_widget(hand.widget)
    assert open_widget().settings.accept_on_click
