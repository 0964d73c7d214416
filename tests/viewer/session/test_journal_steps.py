"""What is one step of the journal, and that it is never behind the labels."""

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication

from napari_hqsam.viewer.main_thread import DeferredCall
from napari_hqsam.viewer.session.target.reconcile import matches_step

LOW = -1
CENTRES = [(20, 20), (20, 50), (20, 80)]


@pytest.fixture
def hand(viewer, open_widget, squares):
    ring = squares.copy()
    ring[17:23, 17:23] = 0
    viewer.add_image(ring, name="squares")
    return open_widget()


def batch(hand, source):
    hand.messages.clear()
    hand.batches.run(source)
    hand.wait(lambda: hand.messages and "objects accepted" in hand.messages[-1])
    hand.wait()


def test_a_batch_is_one_step(hand):
    source = hand.viewer.add_points([(12, 12), *CENTRES[1:]])
    batch(hand, source)
    assert hand.labels.max() == 3
    batch(hand, hand.viewer.add_points([(55, 20), (55, 50)]))
    assert hand.labels.max() == 5
    hand.key("U")
    assert hand.labels.max() == 3
    hand.key("U")
    assert not hand.labels.any()


@pytest.mark.parametrize("kind", ["points", "labels"])
def test_a_batch_fills_holes_as_chosen(hand, squares, kind):
    hand.settings.fill = True
    if kind == "points":
        source = hand.viewer.add_points([(12, 12)])
    else:
        labels = np.zeros(squares.shape, np.uint8)
        labels[10:30, 10:30] = 3
        source = hand.viewer.add_labels(labels, name="source")
    batch(hand, source)
    assert (hand.labels[10:30, 10:30] == 1).all()
    hand.key("U")
    assert not hand.labels.any()


def test_the_image_goes_while_a_layer_is_read(hand, squares):
    labels = hand.viewer.add_labels(np.ones(squares.shape, np.uint8), name="source")
    hand.batches.run(labels)
    assert hand.batches.running
    hand.viewer.layers.remove(hand.scene.image)
    hand.wait()
    assert not hand.batches.running
    assert hand.sessions.target is None


def test_naparis_undo_of_half_a_step_is_in_the_journal(hand):
    hand.settings.fill = True
    hand.click(12, 12)
    hand.key("N")
    filled = hand.labels.copy()
    layer = hand.sessions.target.layer
    states = [filled]
    for _ in range(2):  # first the filling, then the object
        layer.undo()
        states.append(hand.labels.copy())
    assert states[1].sum() == 364
    assert not states[2].any()
    hand.key("U")  # takes back what napari undid
    assert np.array_equal(hand.labels, states[1])
    hand.key("U")
    assert np.array_equal(hand.labels, filled)
    hand.key("U")
    assert not hand.labels.any()


@pytest.mark.parametrize("count", [1, 2])
def test_naparis_undo_and_redo_of_half_a_step(hand, count):
    hand.settings.fill = True
    hand.click(12, 12)
    hand.key("N")
    hand.click(*CENTRES[1])
    hand.key("N")
    before, layer = hand.labels.copy(), hand.sessions.target.layer
    for _ in range(count + 1):
        layer.undo()
    for _ in range(count + 1):
        layer.redo()
    assert np.array_equal(hand.labels, before)
    assert len(hand.sessions.session.history.to_undo) == 1
    layer.undo()
    layer.undo()
    expected = hand.labels.copy()
    assert expected.sum() == 364
    assert np.array_equal(hand.rebuilt(), expected)


def test_a_pixel_twice_in_a_step_counts_once(hand):
    """The labels are as before a step, though not as before its last part."""
    layer = None
    hand.click(12, 12)
    hand.key("N")
    layer, session = hand.sessions.target.layer, hand.sessions.session
    data = np.ones((4, 4), bool)
    with session.grouped():
        session.reshape(1, (50, 50, 54, 54), data)
        session.reshape(1, (52, 52, 56, 56), data)
    assert matches_step(layer.data, session.history.to_undo, undone=False)
    assert not matches_step(layer.data, session.history.to_undo, undone=True)
    session.undo()
    assert matches_step(layer.data, session.history.to_redo, undone=True)
    assert layer.data[12, 12] == 1


def test_undo_ends_where_the_session_began(hand):
    hand.click(12, 12)
    hand.key("N")
    layer = hand.sessions.target.layer
    for _ in range(3):
        hand.sessions._edits._on_undo_key("undo")
        assert not layer.data.any()


def test_the_brush_on_new_labels_is_kept(hand):
    layer = hand.sessions.new_target()
    layer.paint((70, 95), 9)
    hand.controller.tools.activate()
    hand.click(*CENTRES[1])
    hand.key("N")
    assert hand.labels[CENTRES[1]] == 10
    assert hand.sessions.session.header.labels.base is not None


# --- soon ---------------------------------------------------------------------


def test_soon_is_once_and_before_any_painting(hand):
    done = []

    class Painted(QObject):
        def event(self, event):
            if event.type() == QEvent.Type.User:
                done.append("painted")
            return True

    window = Painted()
    soon = DeferredCall(window, lambda: done.append("called"))
    # With the priority of what Qt asks windows to paint themselves with.
    QApplication.postEvent(window, QEvent(QEvent.Type.User), LOW)
    soon.start()
    soon.start()
    assert soon.isActive()
    assert not done
    QApplication.processEvents()
    assert done == ["called", "painted"]
    soon.start()
    soon.stop()
    QApplication.processEvents()
    assert done == ["called", "painted"]
