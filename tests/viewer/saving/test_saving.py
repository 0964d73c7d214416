"""Saving in the background: the window lives, and no edit is saved half."""

import threading

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QProgressDialog, QPushButton

from napari_hqsam import open_image
from napari_hqsam.labels import read_labels
from napari_hqsam.sessions import journal_path, read_session
from napari_hqsam.viewer.session import snapshots


class Copying:
    """Copies half of the labels, and the rest once the gate is open."""

    def __init__(self):
        self.gate, self.is_half = threading.Event(), threading.Event()
        self.threads = []

    def __call__(self, data):
        self.threads.append(threading.current_thread())
        half = data.shape[0] // 2
        first = np.array(data[:half])
        self.is_half.set()
        assert self.gate.wait(30)
        return np.concatenate([first, np.array(data[half:])])


@pytest.fixture
def copying(monkeypatch):
    made = Copying()
    monkeypatch.setattr(snapshots, "_copied", made)
    yield made
    made.gate.set()


@pytest.fixture
def hand(viewer, open_widget, squares):
    """One object is accepted, another one is outlined."""
    viewer.add_image(squares, name="squares")
    hand = open_widget()
    hand.click(20, 20)
    hand.key("N")
    return hand


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cells.tif"


def begin(hand, copying, path):
    hand.saver.save(str(path))
    hand.wait(copying.is_half.is_set)


def end(hand, copying, path):
    copying.gate.set()
    hand.wait()
    assert hand.messages[-1] == f"Saved {path}"
    return read_labels(path)


def test_the_window_lives_while_labels_are_copied(hand, copying, path):
    begin(hand, copying, path)
    beats = []
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append(len(copying.threads)))
    heart.start(1)
    hand.wait(lambda: len(beats) >= 20)
    heart.stop()
    assert hand.saver.saving
    assert not path.exists()
    saved = end(hand, copying, path)
    assert not hand.saver.saving
    assert threading.main_thread() not in copying.threads
    assert np.array_equal(saved, hand.labels)


def across(layer):
    """Paint a line from the upper half of the labels to the lower one."""
    layer.brush_size = 1
    with layer.block_history():
        for y in range(0, 80, 4):
            layer.paint((y, 95), 7)


def test_what_is_accepted_meanwhile_is_saved_wholly(
    hand, copying, path, viewer, squares
):
    whole = squares.copy()
    whole[10:65, 70:90] = 200  # the object reaches from one half into the other
    hand.scene.image.data = whole
    begin(hand, copying, path)
    hand.click(30, 80, wait=False)
    hand.wait(lambda: hand.current.masks)
    hand.key("N", wait=False)
    hand.wait(lambda: hand.labels.max() == 2)
    saved = end(hand, copying, path)
    assert (saved == 2).sum() == 55 * 20
    assert np.array_equal(saved, hand.labels)
    assert len(copying.threads) == 1  # what was painted, but not all of it again


def test_strokes_of_the_brush_are_saved_wholly(hand, copying, path):
    begin(hand, copying, path)
    across(hand.sessions.target.layer)
    saved = end(hand, copying, path)
    assert (saved == 7).sum() == 20
    assert np.array_equal(saved, hand.labels)
    assert len(copying.threads) == 1


def test_a_stroke_that_goes_on_is_waited_for(hand, copying, path):
    layer = hand.sessions.target.layer
    hand.viewer.layers.selection.active = layer
    layer.mode, layer.brush_size, layer.selected_label = "paint", 3, 7
    left = Qt.MouseButton.LeftButton
    begin(hand, copying, path)
    QTest.mousePress(
        hand.canvas, left, Qt.KeyboardModifier.NoModifier, hand.screen(5, 5)
    )
    hand.move(5, 60, buttons=left)
    copying.gate.set()
    hand.wait(lambda: not hand.widget.files.busy)
    QTest.qWait(3 * snapshots.STROKE_MS)
    assert not path.exists()
    hand.move(70, 60, buttons=left)
    QTest.mouseRelease(
        hand.canvas, left, Qt.KeyboardModifier.NoModifier, hand.screen(70, 60)
    )
    saved = end(hand, copying, path)
    assert (saved[[5, 5, 40, 70], [5, 40, 60, 60]] == 7).all()
    assert np.array_equal(saved, hand.labels)


def test_what_naparis_own_undo_changes_is_saved_wholly(hand, copying, path):
    layer = hand.viewer.add_labels(np.zeros((80, 100), np.uint32))
    across(layer)
    hand.sessions.use_target(layer)  # only now
    begin(hand, copying, path)
    hand.viewer.layers.selection.active = layer
    hand.key("Z", modifiers=Qt.KeyboardModifier.ControlModifier, wait=False)
    assert not layer.data.any()
    assert not end(hand, copying, path).any()
    assert len(copying.threads) == 2


def test_labels_that_are_replaced_meanwhile_are_saved(hand, copying, path):
    """The lines that the journal records as saved must be in the file."""
    begin(hand, copying, path)
    layer = hand.sessions.target.layer
    layer.data = np.where(layer.data == 1, 7, 0)
    saved = end(hand, copying, path)
    assert (saved == 7).sum() == 400
    assert np.array_equal(saved, hand.labels)
    assert np.array_equal(saved, hand.rebuilt())


def test_so_much_that_the_window_would_stand_is_copied_by_the_worker(
    hand, copying, path, monkeypatch
):
    monkeypatch.setattr(snapshots, "AT_ONCE", 10)
    begin(hand, copying, path)
    across(hand.sessions.target.layer)
    assert np.array_equal(end(hand, copying, path), hand.labels)
    assert len(copying.threads) == 2


def test_labels_on_the_disk_are_saved_as_of_one_moment(
    viewer, open_widget, copying, path, squares, tmp_path
):
    zarr = pytest.importorskip("zarr")
    viewer.add_image(squares)
    stored = zarr.create_array(
        str(tmp_path / "own.zarr"), shape=squares.shape, dtype="u4", chunks=(32, 32)
    )
    layer = viewer.add_labels(stored)
    hand = open_widget()
    hand.sessions.use_target(layer)
    begin(hand, copying, path)
    across(layer)
    saved = end(hand, copying, path)
    assert (saved == 7).sum() == 20
    assert len(copying.threads) == 1


@pytest.mark.parametrize("answer", ["No", "Yes"])
def test_a_name_that_gets_a_suffix_is_asked_about(
    hand, path, answers, monkeypatch, answer
):
    """The dialog has not asked: there is no file "cells", but there is "cells.tif"."""
    path.write_bytes(b"an image of somebody")
    given = str(path.with_suffix("")), "TIFF (*.tif)"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: given)
    asked = answers(answer)
    QTest.mouseClick(hand.widget.sections["session"].save, Qt.MouseButton.LeftButton)
    hand.wait()
    assert asked == [f"{path} already exists.\nDo you want to replace it?"]
    if answer == "No":
        assert path.read_bytes() == b"an image of somebody"
    else:
        assert np.array_equal(read_labels(path), hand.labels)


# --- closing meanwhile -------------------------------------------------------------


@pytest.fixture
def when_asked():
    """Do something once the dialog of a close is there; give its text then."""
    clocks, texts = [], []

    def arrange(act):
        def look():
            dialog = QApplication.activeModalWidget()
            if isinstance(dialog, QProgressDialog):
                clock.stop()
                texts.append(dialog.labelText())
                act(dialog)

        clock = QTimer(QApplication.instance())
        clock.timeout.connect(look)
        clock.start(20)
        clocks.append(clock)
        return texts

    yield arrange
    for clock in clocks:
        clock.stop()


def do_not_wait(dialog):
    (button,) = dialog.findChildren(QPushButton)
    assert button.text() == "Close without saving"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def close(hand):
    """Close the widget, as with the cross of its dock."""
    hand.viewer.window.remove_dock_widget(hand.widget)


def test_closing_waits_for_a_save(hand, copying, path, when_asked):
    labels = hand.labels.copy()
    begin(hand, copying, path)
    texts = when_asked(lambda dialog: copying.gate.set())
    close(hand)
    assert texts == [f"Saving {path}"]
    assert np.array_equal(read_labels(path), labels)
    assert read_session(journal_path(path)).lines == 2
    assert not hand.notes


def test_who_does_not_wait_finds_the_session_again(
    hand, copying, path, viewer, open_widget, when_asked
):
    begin(hand, copying, path)
    texts = when_asked(do_not_wait)
    close(hand)
    assert texts == [f"Saving {path}"]
    copying.gate.set()
    hand.widget.files.join(20)
    viewer.layers.remove(viewer.layers["squares labels"])
    again = open_widget()
    assert not path.exists()
    assert [one.steps for one in again.restorer.unsaved] == [1]


@pytest.fixture
def closed(hand):
    """Ask napari's window whether it closes, without closing it for good."""

    class Last(QObject):
        """Filters that were installed later are asked first."""

        asked = 0

        def eventFilter(self, window, event):
            if event.type() != QEvent.Type.Close:
                return False
            self.asked += 1
            event.ignore()
            return True

    window, last = hand.viewer.window._qt_window, Last()
    window.installEventFilter(last)

    def ask():
        window.close()
        return bool(last.asked)

    yield ask
    window.removeEventFilter(last)


def test_napari_stays_open_until_labels_are_saved(
    hand, closed, copying, path, when_asked
):
    labels = hand.labels.copy()
    begin(hand, copying, path)
    texts = when_asked(lambda dialog: copying.gate.set())
    assert closed()
    assert texts == [f"Saving {path}"]
    assert np.array_equal(read_labels(path), labels)


def test_napari_stays_open_if_labels_cannot_be_saved(
    hand, closed, copying, path, when_asked
):
    begin(hand, copying, path)

    def fail(dialog):
        path.mkdir()
        copying.gate.set()

    when_asked(fail)
    assert not closed()
    assert str(path) in hand.notes[-1]
    assert closed()  # the second time it is the user's choice


def test_napari_closes_at_once_when_all_is_saved(hand, closed, path, when_asked):
    hand.saver.save(str(path))
    hand.wait()
    texts = when_asked(do_not_wait)
    assert closed()
    close(hand)
    assert not texts


def test_axes_are_saved_in_the_order_in_which_they_are_shown(
    viewer, open_widget, squares, tmp_path
):
    """As the axes of a default order, their names and scales would be swapped."""
    viewer.add_image(
        np.broadcast_to(squares, (2, 3, *squares.shape)),
        axis_labels=("z", "t", "y", "x"),
        scale=(5, 1, 0.5, 0.5),
    )
    hand = open_widget()
    hand.click(20, 20)
    hand.key("N")
    for name in ("cells.ome.tif", "cells.ome.zarr"):
        hand.saver.save(str(tmp_path / name))
        hand.wait()
        saved = open_image(tmp_path / name)
        assert (saved.axes, saved.shape) == ("ztyx", (2, 3, *squares.shape))
        assert saved.scale["z"] == 5
