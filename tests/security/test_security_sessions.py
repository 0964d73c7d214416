"""Two of everything: sessions that meet each other, and what must not be lost."""

import errno
import os
import stat
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from strangers import HEADER, accept, header, sealed

from napari_hqsam.errors import HqsamError, OutputError
from napari_hqsam.prompts import Prompt
from napari_hqsam.sessions import (
    ArrayTarget,
    ImageRecord,
    JournalError,
    Session,
    Setup,
    read_session,
)
from napari_hqsam.sessions.journal.file import base_path

fcntl = pytest.importorskip("fcntl")
unsaved = pytest.importorskip("napari_hqsam.viewer.unsaved")

IMAGE = ImageRecord("cells.tif", "yx", (12, 14), "ab" * 32)
SETUP = Setup("micro", "cd" * 32, (0, 0, 0), ((3.0, 250.5),), "ef" * 32)
MASK = SimpleNamespace(
    bbox=(2, 3, 4, 6),
    data=np.ones((2, 3), bool),
    score=0.9,
    stability=0.8,
    level=0,
    complete=True,
    area=6,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the sessions."""
    path = tmp_path / "sessions"
    monkeypatch.setenv("NAPARI_HQSAM_SESSIONS", str(path))
    return path


@pytest.fixture
def begin():
    """Begin sessions; all are closed at the end."""
    sessions = []

    def make(path, found=None):
        labels = np.zeros((12, 14), np.uint16) if found is None else found
        given = {"image": IMAGE, "setup": SETUP}
        sessions.append(Session.create(path, ArrayTarget(labels), **given))
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


@pytest.fixture
def no_locks(monkeypatch):
    """A disk that knows no locks."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def days_pass(folder):
    for path in folder.iterdir():
        os.utime(path, (time.time() - 9 * 24 * 3600,) * 2)


# --- listing ------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*knows no locks")
def test_listing_removes_nothing_where_there_are_no_locks(folder, begin, no_locks):
    """A second napari lists the sessions when the first has just begun one."""
    folder.mkdir()
    path = folder / "cells-20260102-030405.journal.jsonl"
    session = begin(path, np.eye(12, 14, dtype=np.uint16))
    for _ in range(2):
        before = {p: p.read_bytes() for p in folder.iterdir()}
        assert base_path(path) in before
        assert unsaved.unsaved_sessions() == []
        unsaved.remove_empty()
        assert {p: p.read_bytes() for p in folder.iterdir()} == before
        days_pass(folder)
    label_id = session.accept(MASK, Prompt([(3, 4)]))
    session.close()
    (listed,) = unsaved.unsaved_sessions()
    assert listed.objects == 1
    assert read_session(path).history.table.knows(label_id)


def test_listing_removes_nothing_ever(folder, begin):
    folder.mkdir()
    begin(folder / "a.journal.jsonl", np.ones((12, 14), np.uint16)).close()
    (folder / "b.journal.jsonl").write_bytes(sealed(HEADER) + b'{"half')
    (folder / "c.saved.json").write_text('{"journal": "/tmp/gone.jsonl", "lines": 3}')
    before = {p: p.read_bytes() for p in folder.iterdir()}
    with pytest.warns(UserWarning, match="cut short"):
        unsaved.unsaved_sessions()
    assert {p: p.read_bytes() for p in folder.iterdir() if p in before} == before


def test_what_is_empty_goes_after_some_time(folder, begin):
    folder.mkdir()
    path = folder / "a.journal.jsonl"
    begin(path, np.ones((12, 14), np.uint16)).close()
    session = begin(folder / "b.journal.jsonl")
    unsaved.remove_empty()
    assert path.exists()
    days_pass(folder)
    unsaved.remove_empty()
    assert not path.exists()
    assert not base_path(path).exists()
    assert session.journal.path.exists()  # somebody works on it


def test_what_is_in_use_is_not_discarded(folder, begin):
    folder.mkdir()
    session = begin(folder / "a.journal.jsonl")
    session.accept(MASK, Prompt([(3, 4)]))
    with pytest.raises(HqsamError, match="in use"):
        unsaved.discard(session.journal.path)
    assert session.journal.path.exists()


# --- the labels that a session began with -----------------------------------------


@pytest.mark.parametrize("base", ["precious.tif", "cells.tif", "a.tif", ".base.tifx"])
def test_a_journal_names_no_other_file(folder, base):
    folder.mkdir()
    for name in (base, "a.base.tif"):
        (folder / name).write_text("precious")
    path = folder / "a.journal.jsonl"
    path.write_bytes(sealed(header(base=base, highest=3), accept()))
    with pytest.raises(JournalError, match="line 1 makes no sense"):
        read_session(path)
    unsaved.unsaved_sessions()
    assert (folder / base).read_text() == "precious"


def test_labels_of_another_session_are_read_alone(folder):
    folder.mkdir()
    other = folder / "other.base.tif"
    tifffile.imwrite(other, np.full((12, 14), 3, np.uint16))
    path = folder / "a.journal.jsonl"
    path.write_bytes(sealed(header(base=other.name, highest=3), accept()))
    content = other.read_bytes()
    assert read_session(path).base == other
    saved = folder.parent / "b.tif.journal.jsonl"
    with Session.open(path, ArrayTarget(np.zeros((12, 14), np.uint16))) as session:
        session.move(saved)
    assert other.read_bytes() == content
    assert base_path(saved).read_bytes() == content
    assert (read_session(saved).read_base() == 3).all()
    saved.rename(path)
    unsaved.discard(path)
    assert other.read_bytes() == content
    assert not path.exists()


def test_who_creates_last_leaves_the_labels_of_the_first_alone(tmp_path, begin):
    path = tmp_path / "a.tif.journal.jsonl"

    class Racing:
        """Labels; while they are copied another session begins at the same place."""

        shape, dtype = (12, 14), np.dtype(np.uint16)

        def __getitem__(self, key):
            with pytest.raises(HqsamError, match=r"in use|exists"):
                begin(path, np.full((12, 14), 2, np.uint16))
            return np.ones((12, 14), np.uint16)[key]

    session = begin(path, Racing())
    assert (session.header.labels.highest, session.journal.path) == (1, path)
    assert (read_session(path).read_base() == 1).all()


@pytest.mark.filterwarnings("ignore:.*knows no locks")
def test_the_same_where_there_are_no_locks(tmp_path, begin, no_locks):
    path, winner = tmp_path / "a.tif.journal.jsonl", []

    class Racing:
        shape, dtype = (12, 14), np.dtype(np.uint16)

        def __getitem__(self, key):
            if not winner:
                winner.append(None)
                winner[0] = begin(path, np.full((12, 14), 2, np.uint16))
            return np.ones((12, 14), np.uint16)[key]

    with pytest.raises(OutputError, match="exists"):
        begin(path, Racing())
    assert winner[0].header.labels.highest == 2
    assert (read_session(path).read_base() == 2).all()


# --- permissions -------------------------------------------------------------------


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_journals_are_the_users_alone(folder, begin, monkeypatch, tmp_path):
    journaling = pytest.importorskip("napari_hqsam.viewer.journaling")
    monkeypatch.delenv("NAPARI_HQSAM_SESSIONS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    path = journaling.journal_file("cells")
    path.parent.chmod(0o755)  # as version 0.1 made it
    path = journaling.journal_file("cells")
    assert mode(path.parent) == 0o700
    assert path.parent.is_relative_to(tmp_path)
    session = begin(path)
    assert mode(path) == 0o600
    # Beside labels it can be read by whom they can be read by.
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, np.zeros((12, 14), np.uint16))
    for labels_mode in (0o640, 0o600, 0o644):
        labels.chmod(labels_mode)
        to = tmp_path / f"labels.tif{'.journal.jsonl'}"
        to.unlink(missing_ok=True)
        session.move(to)
        assert mode(to) == labels_mode
        session.move(path)


def test_a_folder_that_was_chosen_keeps_its_permissions(folder):
    journaling = pytest.importorskip("napari_hqsam.viewer.journaling")
    folder.mkdir(mode=0o750)
    journaling.journal_file("cells")
    assert mode(folder) == 0o750
