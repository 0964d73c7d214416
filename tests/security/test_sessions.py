"""Two of everything: sessions that meet each other, and what must not be lost."""

import errno
import json
import os
import stat
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import zarr

from napari_hqsam import open_image
from napari_hqsam.errors import HqsamError, OutputError
from napari_hqsam.files import same_file
from napari_hqsam.jobs.batches.ledger import Ledger
from napari_hqsam.labels import labels_digest, read_labels, write_labels
from napari_hqsam.prompts import Prompt
from napari_hqsam.sessions import (
    ArrayTarget,
    ImageRecord,
    JournalError,
    LabelsMismatchError,
    ModelRecord,
    Session,
    archive_session,
    check_labels_match,
    journal_path,
    read_session,
)
from napari_hqsam.sessions.journal.locking import cut_journal
from napari_hqsam.sessions.journal.paths import base_path
from tests.helpers.hostile_files import HEADER, accept, header, sealed

fcntl = pytest.importorskip("fcntl")
unsaved = pytest.importorskip("napari_hqsam.viewer.files.unsaved_sessions")

IMAGE = ImageRecord("cells.tif", "yx", (12, 14), "ab" * 32)
SETUP = ModelRecord("micro", "cd" * 32, (0, 0, 0), ((3.0, 250.5),), "ef" * 32)
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
    """A disk that does not support locks."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def days_pass(folder):
    for path in folder.iterdir():
        os.utime(path, (time.time() - 9 * 24 * 3600,) * 2)


# --- listing ------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*does not support locks")
def test_listing_removes_nothing_where_there_are_no_locks(folder, begin, no_locks):
    """A second napari lists the sessions when the first has just begun one."""
    folder.mkdir()
    path = folder / "cells-20260102-030405.journal.jsonl"
    session = begin(path, np.eye(12, 14, dtype=np.uint16))
    for _ in range(2):
        before = {p: p.read_bytes() for p in folder.iterdir()}
        assert base_path(path) in before
        assert unsaved.find_unsaved().sessions == []
        unsaved.remove_empty()
        assert {p: p.read_bytes() for p in folder.iterdir()} == before
        days_pass(folder)
    label_id = session.accept(MASK, Prompt([(3, 4)]))
    session.close()
    (listed,) = unsaved.find_unsaved().sessions
    assert listed.objects == 1
    assert read_session(path).history.table.knows(label_id)


def test_listing_removes_nothing_ever(folder, begin):
    folder.mkdir()
    begin(folder / "a.journal.jsonl", np.ones((12, 14), np.uint16)).close()
    (folder / "b.journal.jsonl").write_bytes(sealed(HEADER) + b'{"half')
    (folder / "c.saved.json").write_text('{"journal": "/tmp/gone.jsonl", "lines": 3}')
    before = {p: p.read_bytes() for p in folder.iterdir()}
    with pytest.warns(UserWarning, match="cut short"):
        unsaved.find_unsaved()
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
    unsaved.find_unsaved()
    assert (folder / base).read_text() == "precious"


@pytest.mark.parametrize("text", ["9" * 5000, "a\nb" * 999])
def test_what_is_told_of_a_journal_is_one_short_line(folder, text):
    folder.mkdir()
    path = folder / "a.journal.jsonl"
    for lines in (
        [HEADER | {"version": text}],
        [HEADER | {"journal": text}],
        [header(base=text)],
        [header(axes=text)],
        [HEADER, accept() | {"event": text}],
        [HEADER, {"event": "save", "digest": text, "lines": text}],
    ):
        path.write_bytes(sealed(*lines))
        with pytest.raises(HqsamError) as told:
            read_session(path)
        assert "\n" not in str(told.value)
        assert len(str(told.value)) < 1000
    ledger = folder / "ledger.jsonl"
    begin = {"image": "a", "mode": "same", "planes": [[0]]}
    plane = {"plane": [0], "objects": [], "lost": 0, "level": 0, "chunks": {text: 1}}
    ledger.write_text("\n".join(map(json.dumps, (begin, plane))) + "\n")
    with pytest.raises(HqsamError) as told:
        list(Ledger(ledger).planes((1, 12, 14)))
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 1000


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


@pytest.mark.filterwarnings("ignore:.*does not support locks")
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
    journaling = pytest.importorskip("napari_hqsam.viewer.files.journal_files")
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
    journaling = pytest.importorskip("napari_hqsam.viewer.files.journal_files")
    folder.mkdir(mode=0o750)
    journaling.journal_file("cells")
    assert mode(folder) == 0o750


# --- labels that others replaced ------------------------------------------------------


@pytest.fixture
def saved(tmp_path, begin):
    """A session that was saved: its journal, beside its labels."""

    def make(name="cells.tif", found=None):
        path = tmp_path / name
        labels = np.zeros((12, 14), np.uint16) if found is None else found
        session = begin(journal_path(path), labels)
        session.accept(MASK, Prompt([(3, 4)]))
        session.record_save(labels_digest(labels), session.journal.lines)
        write_labels(path, labels)
        session.close()
        return journal_path(path)

    return make


@pytest.mark.parametrize("name", ["cells.tif", "cells.ome.tif", "cells.ome.zarr"])
def test_labels_are_known_by_their_digest(saved, tmp_path, name):
    path = saved(name)
    labels = read_labels(tmp_path / name)
    check_labels_match(path, labels)
    check_labels_match(path, labels.astype(np.int64)[None])
    write_labels(tmp_path / "again.ome.zarr", labels)
    check_labels_match(path, open_image(tmp_path / "again.ome.zarr").array)
    for change in (0, 7):
        labels[2, 3] = change
        with pytest.raises(LabelsMismatchError, match=name) as told:
            check_labels_match(path, labels)
        assert "\n" not in str(told.value)


def test_a_save_that_was_interrupted_leaves_labels_that_fit(saved, tmp_path):
    """The journal tells of it before the file is written, whatever happens then."""
    path = saved()
    before = read_labels(tmp_path / "cells.tif")
    labels = before.copy()
    with Session.open(path, ArrayTarget(labels)) as session:
        session.delete(1)
        session.record_save(labels_digest(labels), session.journal.lines)
    check_labels_match(path, before)  # killed before the file was in place
    check_labels_match(path, labels)  # killed after


def test_telling_of_a_save_is_no_change(saved):
    recorded = read_session(saved())
    assert recorded.lines == 2
    assert [save.lines for save in recorded.saves] == [2]
    assert len(list(recorded.history.events)) == 1


def test_what_tells_of_a_save_stays_when_later_lines_are_cut_off(saved, tmp_path):
    path = saved()
    labels = read_labels(tmp_path / "cells.tif")
    with Session.open(path, ArrayTarget(labels.copy())) as session:
        session.delete(1)
        assert session.journal.lines == 3
    cut_journal(path, 2)
    recorded = read_session(path)
    assert (recorded.lines, len(recorded.saves)) == (2, 1)
    check_labels_match(path, labels)


def test_journals_of_before_are_compared_with_what_they_say(begin, tmp_path):
    labels = np.zeros((12, 14), np.uint16)
    session = begin(tmp_path / "cells.tif.journal.jsonl", labels)
    path = session.journal.path
    session.accept(MASK, Prompt([(3, 4)]))
    then = labels.copy()
    session.delete(1)
    check_labels_match(path, labels)
    check_labels_match(path, then, saved=2)
    for others in (then, np.full_like(labels, 3), labels[:5]):
        with pytest.raises(LabelsMismatchError):
            check_labels_match(path, others)


@pytest.mark.parametrize(
    "array",
    [
        zarr.create_array({}, shape=(3, 40, 50), chunks=(1, 16, 7), dtype="u4"),
        np.zeros((3, 40, 50), np.int64),
        np.zeros((1, 3, 40, 50), np.uint8)[:, :, ::1],
        np.zeros((3, 50, 40), np.uint16).swapaxes(1, 2),
    ],
    ids=["zarr", "int64", "one more", "turned"],
)
def test_a_digest_is_of_the_ids_alone(array, monkeypatch):
    values = np.random.default_rng(0).integers(0, 200, (3, 40, 50))
    array[...] = values
    expected = labels_digest(values.astype(np.uint32))
    assert labels_digest(array) == expected
    monkeypatch.setattr("napari_hqsam.labels.digest._PIXELS", 60)
    assert labels_digest(array) == expected
    assert labels_digest(values.reshape(3, 50, 40)) != expected


@pytest.mark.parametrize("command", ["segment", "propagate", "replay", "batch"])
def test_commands_set_the_session_of_the_labels_before_aside(
    run_command, saved, tmp_path, monkeypatch, command
):
    found = np.eye(12, 14, dtype=np.uint16)
    path = saved("cells.ome.tif", found)
    content, base = path.read_bytes(), base_path(path).read_bytes()
    image = tmp_path / "image.tif"
    rng = np.random.default_rng(0)
    shape = (3, 12, 14) if command in ("propagate", "batch") else (12, 14)
    tifffile.imwrite(
        image,
        rng.integers(0, 255, shape, np.uint8),
        photometric="minisblack",
        metadata=None,
    )
    (tmp_path / "p.csv").write_text("object,z,y,x\n1,1,5,5\n")
    journal = tmp_path / "other.tif.journal.jsonl"
    journal.write_bytes(sealed(HEADER, accept()))
    given = {
        "segment": [image, "--point=5,5"],
        "propagate": [image, tmp_path / "p.csv", "--axes=zyx", "--spacing=1"],
        "batch": [image, tmp_path / "p.csv", "--axes=zyx", "--mode=each"],
        "replay": [journal, image],
    }[command]
    more = [] if command == "replay" else ["--cache=none"]
    more += ["--overwrite"] if command == "batch" else []
    out = tmp_path / "cells.ome.tif"
    with Session.open(path, ArrayTarget(found.copy())):  # somebody works on it
        before = out.read_bytes()
        code, _, text = run_command(command, *given, "-o", out, *more)
        assert (code, len(text.splitlines())) == (2, 1), text
        assert "is open now" in text
        assert out.read_bytes() == before
    code, _, text = run_command(command, *given, "-o", out, *more)
    assert code == 0, text
    kept = tmp_path / "cells.ome.tif.old.journal.jsonl"
    assert str(kept) in text
    assert kept.read_bytes() == content
    assert base_path(kept).read_bytes() == base
    assert not path.exists()
    assert not base_path(path).exists()
    assert (read_session(kept).read_base() == np.eye(12, 14)).all()


def test_a_replay_over_its_own_labels_leaves_its_session_there(
    run_command, saved, tmp_path
):
    path = saved()
    with Session.open(path, ArrayTarget(read_labels(tmp_path / "cells.tif"))) as more:
        more.delete(1)
    tifffile.imwrite(tmp_path / "image.tif", np.zeros((12, 14), np.uint8))
    out = tmp_path / "cells.tif"
    code, _, text = run_command("replay", path, tmp_path / "image.tif", "-o", out)
    assert code == 0, text
    assert not read_labels(out).any()
    assert not list(tmp_path.glob("*.old*"))
    check_labels_match(path, read_labels(out))
    with pytest.raises(LabelsMismatchError):
        check_labels_match(path, np.full((12, 14), 5, np.uint8))


def test_what_was_set_aside_before_stays(saved, tmp_path):
    kept = []
    for _ in range(3):
        path = saved(found=np.eye(12, 14, dtype=np.uint16))
        kept.append((archive_session(path), path))
    names = [aside.name.removesuffix(".journal.jsonl") for aside, _ in kept]
    assert names == ["cells.tif.old", "cells.tif.old-1", "cells.tif.old-2"]
    assert all(base_path(aside).exists() for aside, _ in kept)


def test_a_session_that_cannot_be_set_aside_is_as_it_was(saved, tmp_path, monkeypatch):
    path = saved(found=np.eye(12, 14, dtype=np.uint16))
    before = {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    rename = type(path).rename

    def refuse(self, target):
        if self == path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(type(path), "rename", refuse)
    with pytest.raises(OutputError, match="cannot be renamed"):
        archive_session(path)
    assert {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before


# --- moving a journal -----------------------------------------------------------


@pytest.fixture
def move(folder):
    journaling = pytest.importorskip("napari_hqsam.viewer.files.journal_files")
    folder.mkdir()

    def to(session, labels, saved=2, keep=1):
        write_labels(labels, session.target.array)
        journaling.move_journal(session, str(labels), saved, keep)

    return to


def test_a_journal_is_where_it_is_by_any_path(folder, begin, move, tmp_path):
    """As /tmp is /private/tmp, and a folder may be a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    session = begin(folder / "a.journal.jsonl")
    session.accept(MASK, Prompt([(3, 4)]))
    for where in ("real", "link", "real", "link/../link"):
        move(session, tmp_path / where / "a.tif")
        session.delete(1)
        session.undo()
    names = {p.name for p in (tmp_path / "real").iterdir() if p.name[0] != "."}
    assert names == {"a.tif", "a.tif.journal.jsonl"}
    move(session, tmp_path / "b.tif")
    assert session.journal.path == tmp_path / "b.tif.journal.jsonl"


def test_the_folder_of_the_sessions_may_be_a_link(folder, begin, move, monkeypatch):
    link = folder.parent / "link"
    link.symlink_to(folder)
    monkeypatch.setenv("NAPARI_HQSAM_SESSIONS", str(link))
    session = begin(folder / "a.journal.jsonl")
    session.accept(MASK, Prompt([(3, 4)]))
    session.close()
    (listed,) = unsaved.find_unsaved().sessions
    assert listed.labels is None
    unsaved.discard(folder / "a.journal.jsonl")
    assert not list(folder.glob("*.jsonl"))


def test_a_session_that_is_worked_on_keeps_its_journal(folder, begin, move, tmp_path):
    other = begin(journal_path(tmp_path / "a.tif"))
    other.accept(MASK, Prompt([(3, 4)]))
    content = other.journal.path.read_bytes()
    session = begin(folder / "a.journal.jsonl")
    session.accept(MASK, Prompt([(3, 4)]))
    with pytest.raises(OutputError, match="stays at"):
        move(session, tmp_path / "a.tif")
    assert other.journal.path.read_bytes() == content
    assert not list(tmp_path.glob("*.old*"))
    session.delete(1)
    assert read_session(folder / "a.journal.jsonl").lines == 3


def test_moving_twice_over_others_keeps_both(folder, begin, move, tmp_path):
    texts = ["that of one", "that of another"]
    for number, text in enumerate(texts):
        journal_path(tmp_path / "a.tif").write_text(text)
        session = begin(folder / f"{number}.journal.jsonl")
        session.accept(MASK, Prompt([(3, 4)]))
        move(session, tmp_path / "a.tif")
        session.close()
        journal_path(tmp_path / "a.tif").unlink()
    assert {p.read_text() for p in tmp_path.glob("*.old*.jsonl")} == {*texts}


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_journal_that_cannot_be_moved_stays(
    folder, begin, move, tmp_path, monkeypatch, number
):
    journaling = pytest.importorskip("napari_hqsam.viewer.files.journal_files")
    session = begin(folder / "a.journal.jsonl", np.eye(12, 14, dtype=np.uint16))
    session.accept(MASK, Prompt([(3, 4)]))
    labels = tmp_path / "b.tif"
    write_labels(labels, session.target.array)
    rename, link = type(tmp_path).rename, os.link

    def refuse(path, to, of):
        if str(to).endswith(".journal.jsonl"):
            raise OSError(number, os.strerror(number))
        return of(path, to)

    monkeypatch.setattr(os, "link", lambda a, b: refuse(a, b, link))
    monkeypatch.setattr(type(tmp_path), "rename", lambda a, b: refuse(a, b, rename))
    with pytest.raises(OutputError):
        journaling.move_journal(session, str(labels), 2, 1)
    monkeypatch.undo()
    assert session.journal.path == folder / "a.journal.jsonl"
    assert base_path(session.journal.path).exists()
    assert not base_path(journal_path(tmp_path / "b.tif")).exists()
    session.delete(1)
    assert read_session(session.journal.path).lines == 3


def test_one_file_by_two_names(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a")
    for name in ("x", "y"):
        assert same_file(tmp_path / "a" / "x", tmp_path / "b" / name) == (name == "x")
    (tmp_path / "a" / "x").touch()
    assert same_file(tmp_path / "a" / "x", tmp_path / "b" / "x")
    os.link(tmp_path / "a" / "x", tmp_path / "a" / "X")  # as on disks without case
    assert same_file(tmp_path / "b" / "X", tmp_path / "a" / "x")
    assert not same_file(tmp_path / "no" / "x", tmp_path / "nowhere" / "x")
    assert not same_file("\0", tmp_path)
