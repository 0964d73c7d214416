"""Journal and undo: what was done comes back, whatever happened meanwhile."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

from napari_hqsam.labels import read_labels
from napari_hqsam.sessions.changes.target import ArrayTarget
from napari_hqsam.sessions.journal.paths import journal_path
from napari_hqsam.sessions.session import Session
from napari_hqsam.viewer.files.journal_files import begin_session
from napari_hqsam.viewer.files.sessions_folder import sessions_folder
from napari_hqsam.viewer.session import opening

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
CENTRES = [(20, 20), (20, 50), (20, 80)]


def journals():
    return sorted(p.name for p in sessions_folder().glob("*.jsonl"))


def test_saved_labels_are_opened_with_their_session(
    hand, viewer, open_widget, squares, tmp_path
):
    hand.click(20, 20)
    hand.click(20, 50)
    hand.key("N")
    hand.accept(CENTRES[2])
    path = tmp_path / "cells.ome.tif"
    hand.saver.save(str(path))
    hand.wait()
    assert journal_path(path).is_file()
    assert not journals()
    hand.accept((55, 20))  # after the last saving: in the journal alone
    last = hand.labels.copy()
    viewer.window.remove_dock_widget(hand.widget)
    viewer.layers.clear()

    viewer.add_image(squares, name="squares")
    hand = open_widget()
    (layer,) = viewer.open(str(path), layer_type="labels", plugin="napari")
    hand.sessions.use_target(layer)
    hand.wait()
    assert not hand.notes
    assert np.array_equal(hand.labels, last)
    assert list(layer.features["index"]) == [1, 2, 3]
    hand.controller.tools.activate()
    hand.move(20, 50)
    hand.key("J")
    assert hand.current.label_id == 1
    assert np.allclose(hand.scene.points.data, [(20, 20), (20, 50)], atol=0.5)
    hand.key("Q")
    for count in (2, 1, 0):
        hand.key("U")
        assert hand.labels.max() == count
    hand.key("U", modifiers=SHIFT)
    assert hand.labels.max() == 1
    layer.paint((70, 95), 9)  # can be edited again
    assert hand.labels[70, 95] == 9


def test_a_killed_session_is_offered_and_restored(
    viewer, open_widget, squares, tmp_path
):
    np.save(tmp_path / "squares.npy", squares)
    script = "tests.viewer.processes.kill_while_accepting"
    killed = subprocess.run(
        [sys.executable, "-m", script, str(tmp_path / "squares.npy")],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    viewer.add_image(squares, name="squares")
    hand = open_widget()
    section = hand.widget.sections["session"]
    (one,) = hand.restorer.unsaved
    assert (one.steps, one.objects, one.labels) == (3, 3, None)
    assert one.text in section.status.text()
    section.earlier.restore()
    hand.wait()
    assert hand.labels.max() == 3
    assert (hand.labels[10:30, 70:90] == 3).all()
    assert not hand.restorer.unsaved
    hand.controller.tools.activate()
    hand.accept((55, 20))
    assert hand.labels.max() == 4
    for _ in range(4):
        hand.key("U")
    assert not hand.labels.any()


def test_what_was_not_saved_can_be_discarded(
    hand, viewer, open_widget, squares, monkeypatch
):
    hand.accept(CENTRES[0])
    assert len(journals()) == 1
    viewer.window.remove_dock_widget(hand.widget)
    viewer.layers.clear()
    viewer.add_image(squares[:40], name="squares")  # not the image it was made on
    hand = open_widget()
    (one,) = hand.restorer.unsaved
    section = hand.widget.sections["session"]
    assert not section.status.text()
    hand.restorer.restore(one)
    hand.wait()
    assert "squares of 80 x 100 pixels first" in section.status.text()
    assert hand.restorer.unsaved == [one]
    answers = [QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Discard]
    asked = []

    def question(parent, title, text, *buttons):
        asked.append(text)
        return answers.pop(0)

    monkeypatch.setattr(QMessageBox, "question", question)
    section.earlier.discard()
    assert len(journals()) == 1
    section.earlier.discard()
    assert one.text in asked[-1]
    assert not journals()
    assert not hand.restorer.unsaved


def test_naparis_own_saving_takes_the_journal_along(hand, tmp_path):
    hand.accept(*CENTRES[:2])
    path = tmp_path / "own.tif"
    layer = hand.sessions.target.layer
    hand.viewer.layers.selection = {layer}
    hand.viewer.layers.save(str(path), selected=True, plugin="napari-hqsam")
    assert np.array_equal(read_labels(path), hand.labels)
    assert journal_path(path).is_file()
    hand.controller.tools.activate()
    hand.accept(CENTRES[2])
    hand.sessions.release_target()
    labels = np.zeros((80, 100), np.uint32)
    with Session.open(journal_path(path), ArrayTarget(labels)) as session:
        session.restore()
    assert labels.max() == 3


def test_saving_over_other_labels_keeps_their_journal(hand, tmp_path):
    hand.accept(CENTRES[0])
    path = tmp_path / "cells.tif"
    journal_path(path).write_text("that of others")
    hand.saver.save(str(path))
    hand.wait()
    assert (tmp_path / "cells.tif.old.journal.jsonl").read_text() == "that of others"
    assert hand.sessions.session.journal.path == journal_path(path)


def test_control_z_on_the_target_goes_back_step_by_step(hand):
    hand.accept(*CENTRES[:2])
    layer = hand.sessions.target.layer
    layer.paint((40, 40), 9)
    hand.viewer.layers.selection.active = layer
    hand.key("Z", modifiers=CTRL)
    assert set(np.unique(hand.labels)) == {0, 1, 2}
    hand.key("Z", modifiers=CTRL)
    assert hand.labels.max() == 1
    assert list(layer.features["index"]) == [1]
    hand.key("Z", modifiers=CTRL | SHIFT)
    hand.key("Z", modifiers=CTRL | SHIFT)
    assert set(np.unique(hand.labels)) == {0, 1, 2, 9}
    expected = hand.labels.copy()
    journal = hand.sessions.session.journal.path
    hand.sessions.release_target()
    assert not layer.keymap
    labels = np.zeros_like(expected)
    with Session.open(journal, ArrayTarget(labels)) as session:
        session.restore()
    assert np.array_equal(labels, expected)


def test_a_session_in_use_is_reported_and_nothing_is_lost(hand, squares, tmp_path):
    hand.accept(*CENTRES[:2])
    path = tmp_path / "cells.tif"
    hand.saver.save(str(path))
    hand.wait()
    hand.sessions.release_target()
    with Session.open(journal_path(path), ArrayTarget(np.zeros((80, 100), np.uint32))):
        (layer,) = hand.viewer.open(str(path), layer_type="labels", plugin="napari")
        hand.sessions.use_target(layer)
        hand.wait()
        assert "in use by another session" in hand.notes[-1]
    hand.controller.tools.activate()
    hand.accept(CENTRES[2])  # with a journal of its own
    assert hand.labels.max() == 3
    assert len(journals()) == 1


def test_clicks_are_answered_while_labels_that_were_there_are_copied(
    hand, viewer, squares, monkeypatch
):
    copying, go_on = threading.Event(), threading.Event()

    def slow(*given, **how):
        copying.set()
        assert go_on.wait(30)
        return begin_session(*given, **how)

    monkeypatch.setattr(opening, "begin_session", slow)
    layer = viewer.add_labels((squares[::-1] > 300) + np.uint8(0))
    layer.data[50:70, 80:90] = 7
    hand.sessions.use_target(layer)
    hand.controller.tools.activate()
    hand.click(*CENTRES[0])
    hand.key("N", wait=False)
    hand.wait(copying.is_set)
    hand.click(*CENTRES[1], wait=False)
    hand.wait(lambda: hand.current.mask is not None)
    assert hand.sessions.opener.opening
    assert hand.sessions.session is None
    go_on.set()
    hand.wait()
    assert hand.labels[CENTRES[0]] == 8
    assert not hand.notes


def test_no_folder_for_the_journal(hand, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NAPARI_HQSAM_SESSIONS", str(tmp_path / "file" / "x"))
    hand.click(20, 20)
    hand.key("N")
    assert "no journal can be kept" in hand.notes[-1]
    # the prompts are there again, and so is the outline
    assert len(hand.scene.points.data) == 1
    assert hand.current.mask.bbox == (10, 10, 30, 30)
    monkeypatch.setenv("NAPARI_HQSAM_SESSIONS", str(tmp_path / "sessions"))
    hand.key("N")
    assert hand.labels.max() == 1
