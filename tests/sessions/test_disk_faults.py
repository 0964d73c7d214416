"""Journals while the disk fails or the program is killed: all is there, or told."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from napari_hqsam.errors import HqsamError, HqsamWarning
from napari_hqsam.labels import labels_digest, write_labels
from napari_hqsam.prompts import Prompt
from napari_hqsam.sessions import (
    ArrayTarget,
    ImageRecord,
    ModelRecord,
    Session,
    journal_path,
    read_session,
)

faulty_disk = pytest.importorskip("tests.helpers.faulty_disk", reason="POSIX alone")

pytestmark = pytest.mark.slow

IMAGE = ImageRecord("cells.tif", "yx", (12, 14), "ab" * 32)
SETUP = ModelRecord("micro", "cd" * 32, (0, 0, 0), ((3.0, 250.5),), "ef" * 32)


def mask(y, x):
    return SimpleNamespace(
        bbox=(y, x, y + 2, x + 3),
        data=np.ones((2, 3), bool),
        score=0.9,
        stability=0.8,
        level=0,
        complete=True,
        area=6,
    )


def accept(session, y, x):
    return session.accept(mask(y, x), Prompt([(y, x)]))


@pytest.fixture
def begun():
    """Begin sessions; all are closed at the end."""
    sessions = []

    def begin(path, labels):
        target = ArrayTarget(labels)
        sessions.append(Session.create(path, target, image=IMAGE, setup=SETUP))
        return sessions[-1]

    yield begin
    for session in sessions:
        session.close()


def resegmented(path):
    """The labels as a journal tells them."""
    recorded = read_session(path)
    labels = np.zeros((12, 14), np.uint16)
    if (base := recorded.read_base()) is not None:
        labels[...] = base
    with Session.open(path, ArrayTarget(labels)) as session:
        session.restore()
    return labels


@pytest.mark.filterwarnings("ignore:.*cut short")
def test_an_object_is_in_labels_and_journal_or_in_neither(tmp_path, begun):
    def prepare(folder):
        session = begun(folder / "a.journal.jsonl", np.zeros((12, 14), np.uint16))
        accept(session, 2, 3)
        return session

    outcomes = set()
    for fault in faulty_disk.each_fault(
        tmp_path, prepare, lambda session: accept(session, 7, 7)
    ):
        session = fault.state
        path, labels = session.journal.path, session.target.array
        if not fault.killed:
            assert bool(fault.told) == (labels.max() == 1), fault.where
            accept(session, 4, 9)  # when there is space again
            assert np.array_equal(remade_while(session), labels), fault.where
        session.close()
        again = resegmented(path)
        if not fault.killed:
            assert np.array_equal(again, labels), fault.where
        assert again[2, 3] == 1
        outcomes.add(bool(again[7, 7]))
    assert outcomes == {True, False}


def remade_while(session):
    """The labels as the journal tells them, which is being written."""
    recorded = read_session(session.journal.path)
    labels = np.zeros((12, 14), np.uint16)
    from napari_hqsam.sessions.edit_log import EditLog

    EditLog(ArrayTarget(labels), recorded.header, recorded.history).restore()
    return labels


@pytest.mark.parametrize("found", [False, True])
def test_a_session_begins_wholly_or_not_at_all(tmp_path, begun, found):
    def prepare(folder):
        labels = np.eye(12, 14, dtype=np.uint16) if found else np.zeros((12, 14), "u2")
        return SimpleNamespace(path=folder / "a.journal.jsonl", labels=labels)

    def act(state):
        state.session = begun(state.path, state.labels)

    for fault in faulty_disk.each_fault(
        tmp_path, prepare, act, (*faulty_disk.KINDS, "ENOLCK")
    ):
        state = fault.state
        if hasattr(state, "session"):
            accept(state.session, 7, 7)
            state.session.close()
            assert (resegmented(state.path) == state.labels).all(), fault.where
        elif state.path.exists():
            assert fault.killed or "EROFS" in fault.where, fault.where
            assert (resegmented(state.path) == state.labels).all()
        else:
            assert fault.killed or fault.told, fault.where
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", HqsamWarning)
                begun(state.path.with_name("b.journal.jsonl"), state.labels).close()


@pytest.mark.filterwarnings("ignore:.*cut short", "ignore:a program was killed")
@pytest.mark.parametrize("others", [False, True], ids=["free", "over others"])
def test_a_journal_is_moved_wholly_or_not_at_all(tmp_path, begun, monkeypatch, others):
    journaling = pytest.importorskip("napari_hqsam.viewer.files.journal_files")
    unsaved = pytest.importorskip("napari_hqsam.viewer.files.unsaved_sessions")

    def prepare(folder):
        monkeypatch.setenv("NAPARI_HQSAM_SESSIONS", str(folder / "sessions"))
        (folder / "sessions").mkdir()
        labels = np.eye(12, 14, dtype=np.uint16)
        session = begun(folder / "sessions/a.journal.jsonl", labels)
        accept(session, 2, 3)
        to = folder / "b.tif"
        if others:
            with begun(journal_path(to), 3 * np.eye(12, 14, dtype=np.uint16)) as other:
                accept(other, 6, 9)
        session.record_save(labels_digest(labels), 2)
        write_labels(to, labels)
        return session

    for fault in faulty_disk.each_fault(
        tmp_path,
        prepare,
        lambda session: journaling.move_journal(
            session, str(session.journal.path.parents[1] / "b.tif"), 2, 1
        ),
        (*faulty_disk.KINDS, "ENOLCK"),
    ):
        session, folder = fault.state, fault.folder
        monkeypatch.setenv("NAPARI_HQSAM_SESSIONS", str(folder / "sessions"))
        labels = session.target.array
        there = journal_path(folder / "b.tif")
        moved = session.journal.path == there
        if "ENOLCK" in fault.where:  # whether others are at work there is not known
            (told,) = fault.told
            assert moved != others
            assert ("may be in use" if others else "does not support locks") in told
        if not fault.killed:
            assert moved or fault.told, fault.where
            accept(session, 8, 9)
        session.close()
        if fault.killed:  # it is found at either place
            places = [there, folder / "sessions/a.journal.jsonl"]
            whole = [p for p in places if p.exists() and same(p, labels)]
            assert whole, fault.where
        else:
            assert (resegmented(session.journal.path) == labels).all(), fault.where
        if others:
            content = [
                p
                for p in folder.glob("b.tif*.journal.jsonl")
                if p != there or not moved
            ]
            assert any(is_others(p) for p in content), fault.where
        offered = [one.journal for one in unsaved.find_unsaved().sessions]
        if not fault.killed and session.journal.path not in offered:
            raise AssertionError(f"{fault.where}: not offered")


def same(path, labels):
    try:
        return (resegmented(path) == labels).all()
    except HqsamError:
        return False


def is_others(path):
    try:
        return resegmented(path)[11, 11] == 3
    except HqsamError:
        return False
