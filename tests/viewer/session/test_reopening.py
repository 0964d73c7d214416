"""Which object the prompts are of, and what becomes of it if its labels go."""

import numpy as np
from qtpy.QtCore import Qt

from napari_hqsam.viewer.planes import PlaneView
from napari_hqsam.viewer.state import CurrentObject

SHIFT = Qt.KeyboardModifier.ShiftModifier
A, B, C = (20, 20), (20, 50), (55, 80)


def reopen(hand, centre):
    hand.move(*centre)
    hand.key("J")


# --- the id of a reopened object --------------------------------------------


def test_without_prompts_an_object_is_not_reopened_any_more(hand):
    hand.accept(A, B)
    reopen(hand, A)
    hand.key("U")
    hand.accept(C)
    assert [hand.labels[at] for at in (A, B, C)] == [1, 2, 3]


def test_a_reopened_object_is_none_of_another_slice(viewer, open_widget, squares):
    viewer.add_image(np.stack([squares] * 6), name="stack")
    viewer.dims.set_point(0, 1)
    hand = open_widget()
    hand.accept(A)
    reopen(hand, A)
    viewer.dims.set_point(0, 3)
    hand.wait()
    hand.click(*C)
    assert "object 1" not in hand.widget.sections["object"].status.text()
    hand.key("N")
    assert hand.labels[3][C] == 2
    viewer.dims.set_point(0, 1)
    hand.wait()
    assert "object 1" in hand.widget.sections["object"].status.text()
    hand.click(*B)
    hand.key("N")
    assert [hand.labels[1][at] for at in (A, B)] == [1, 1]
    assert not hand.notes


def test_an_id_set_without_a_plane_is_valid_on_all():
    current, here = CurrentObject(), PlaneView((1, 2), (1, 0, 0))
    current.reopen(1, here)
    assert (current.id_on(here), current.id_on(here.moved(0, 1))) == (1, None)
    current.label_id = 2  # a slice of a stack is corrected
    assert current.id_on(here.moved(0, 1)) == 2
    current.reopen(None, here)
    assert current.id_on(here) is None


def test_only_one_object_is_open_at_a_time(viewer, open_widget, squares):
    viewer.add_image(np.stack([squares] * 6), name="stack")
    viewer.dims.set_point(0, 1)
    hand = open_widget()
    hand.accept(A)
    viewer.dims.set_point(0, 3)
    hand.wait()
    hand.accept(B)
    reopen(hand, B)
    viewer.dims.set_point(0, 1)
    hand.wait()
    reopen(hand, A)
    assert len(hand.scene.points.data) == 1
    assert hand.current.label_id == 1


def test_a_reopened_object_is_none_of_other_labels(hand, squares):
    hand.accept(A)
    other = np.zeros(squares.shape, np.uint16)
    other[70:, 95:] = 1
    reopen(hand, A)
    hand.sessions.use_target(hand.viewer.add_labels(other, name="other"))
    hand.controller.tools.activate()
    hand.key("N")
    assert (other[70:, 95:] == 1).all()
    assert other[A] == 2


def test_a_reopened_object_is_merged_with_another(hand):
    hand.accept(A, B)
    reopen(hand, A)
    hand.move(*B)
    hand.key("N", modifiers=SHIFT)
    assert set(np.unique(hand.labels)) == {0, 2}
    assert [hand.labels[at] for at in (A, B)] == [2, 2]
    hand.key("U")  # one step
    assert [hand.labels[at] for at in (A, B)] == [1, 2]
    assert not hand.notes


def test_the_box_of_a_big_object_made_by_hand(viewer, open_widget):
    """Found without looking at the whole plane, however far it reaches."""
    image = np.zeros((1500, 1400), np.uint8)
    image[40:1300, 300:600] = 200
    labels = np.zeros(image.shape, np.uint16)
    labels[50:1200, 310:590] = 7
    labels[1400:, 1300:] = 8
    viewer.add_image(image, name="big")
    hand = open_widget()
    hand.sessions.use_target(viewer.add_labels(labels))
    hand.controller.tools.activate()
    reopen(hand, (600, 580))
    (box,) = hand.scene.shapes.data
    assert np.allclose(box.min(0), (49.5, 309.5))
    assert np.allclose(box.max(0), (1199.5, 589.5))


# --- accepted, and not yet in the labels --------------------------------------


def test_another_target_while_the_session_is_begun(hand, squares):
    other = hand.viewer.add_labels(np.zeros(squares.shape, int), name="other")
    hand.controller.tools.activate()
    hand.click(*A)
    hand.key("N", wait=False)
    assert hand.sessions.opener.opening
    hand.sessions.use_target(other)
    hand.wait()
    assert "accept it again" in hand.notes[-1]
    assert len(hand.scene.points.data) == 1
    hand.key("N")
    assert other.data[A] == 1


def test_prompts_that_cannot_be_restored_are_reported(hand):
    hand.click(*A)
    hand.key("N", wait=False)
    assert hand.sessions.opener.opening
    hand.scene.points.add(B)  # the next object already
    hand.viewer.layers.remove(hand.sessions.target.layer)
    hand.wait()
    assert "accept it again" in hand.notes[-2]
    assert "lost" in hand.notes[-1]
    assert np.allclose(hand.scene.points.data, [B])


def test_the_image_goes_while_the_session_is_begun(hand, squares):
    hand.click(*A)
    hand.key("N", wait=False)
    assert hand.sessions.opener.opening
    other = hand.viewer.add_image(squares[:40], name="other")
    hand.scene.use(other)
    hand.wait()
    assert hand.viewer.layers["squares labels"].data[A] == 1
    assert not hand.notes
    assert hand.scene.points is None or not len(hand.scene.points.data)


def test_closing_waits_for_what_was_accepted(hand):
    hand.engine.gate.clear()
    hand.click(*A, wait=False)
    hand.wait(lambda: hand.current.waiting)
    hand.key("N", wait=False)
    hand.engine.gate.set()
    hand.viewer.window.remove_dock_widget(hand.widget)
    assert hand.viewer.layers["squares labels"].data[A] == 1
    assert not hand.notes


def test_closing_tells_what_came_too_late(hand, monkeypatch):
    monkeypatch.setattr("napari_hqsam.viewer.objects.pending_accepts.PATIENCE", 0.05)
    hand.engine.gate.clear()
    hand.click(*A, wait=False)
    hand.wait(lambda: hand.current.waiting)
    hand.key("N", wait=False)
    hand.viewer.window.remove_dock_widget(hand.widget)
    hand.engine.gate.set()
    assert "lost" in hand.notes[-1]


# --- names ----------------------------------------------------------------------


def test_a_slider_without_a_name(viewer, open_widget, squares):
    image = viewer.add_image(np.stack([squares] * 6), name="stack")
    hand = open_widget()
    section = hand.widget.stack_section
    assert section.axis.current_choice == "axis 0 (6)"
    image.axis_labels = ("z", "y", "x")
    section.refresh()
    assert section.axis.current_choice == "z (6)"
