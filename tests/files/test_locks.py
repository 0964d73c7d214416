"""Locks are taken at once or not at all, also where the disk knows none."""

import errno
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from napari_hqsam.errors import HqsamWarning
from napari_hqsam.files import try_lock
from napari_hqsam.labels import read_labels, write_labels
from napari_hqsam.sessions import JournalError
from napari_hqsam.sessions.journal.file import Journal
from napari_hqsam.sessions.journal.locking import cut_journal, is_in_use, remove_journal

fcntl = pytest.importorskip("fcntl")
NO_LOCKS = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EIO]

HOLDER = """
import sys
from pathlib import Path
from napari_hqsam.files import try_lock
lock = try_lock(Path(sys.argv[1]))
print(lock is not None and lock.confirmed, flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=NO_LOCKS, ids=errno.errorcode.get)
def no_locks(request, monkeypatch):
    """A disk that does not support locks."""

    def refuse(*_):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)
    return os.strerror(request.param)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds a lock; killed at the end."""
    path = tmp_path / "a.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "True\n"
    yield path, process
    process.kill()
    process.communicate()


def test_a_lock_is_held_by_one(tmp_path):
    path = tmp_path / "a.lock"
    with try_lock(path) as lock:
        assert lock.confirmed
        assert try_lock(path) is None
    with try_lock(path) as lock:
        lock.release()
        lock.release()
        assert try_lock(path).confirmed


def test_a_killed_process_lets_go(holder):
    path, process = holder
    assert try_lock(path) is None
    process.kill()
    process.wait()
    with try_lock(path) as lock:
        assert lock.confirmed


def test_a_removed_lock_is_no_lock_for_two(tmp_path):
    path = tmp_path / "a.lock"
    first = try_lock(path)
    first.release(remove=True)
    assert not path.exists()
    with try_lock(path) as second:
        assert second.confirmed
        assert try_lock(path) is None


def test_where_there_are_no_locks_it_is_told_in_one_line(tmp_path, no_locks):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # not from others, either
        lock = try_lock(tmp_path / "a.lock")
        other = try_lock(tmp_path / "a.lock")
    assert not lock.confirmed
    assert not other.confirmed
    with pytest.warns(HqsamWarning, match=no_locks) as told:
        lock.warn_if_unconfirmed("writing")
    assert len(told) == 1
    assert "\n" not in str(told[0].message)


def test_a_folder_that_cannot_be_written_to_gives_no_lock(tmp_path):
    lock = try_lock(tmp_path / "no" / "a.lock")
    assert not lock.confirmed
    assert not list(tmp_path.iterdir())


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "a.lock").symlink_to(tmp_path / "precious")
    with try_lock(tmp_path / "a.lock") as lock:
        assert not lock.confirmed
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_labels_are_written_without_locks(tmp_path, no_locks, name):
    for value in (1, 2):
        write_labels(tmp_path / name, np.full((20, 30), value))
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert (read_labels(tmp_path / name) == value).all()


def test_a_journal_without_locks_loses_nothing(tmp_path, no_locks):
    path = tmp_path / "a.tif.journal.jsonl"
    with pytest.warns(HqsamWarning, match="does not support locks"):
        journal = Journal.create(path, {"header": True})
    journal.append({"number": 1})
    # Another program may be at work: what it has just written is not to be lost.
    assert not is_in_use(path)
    content = path.read_bytes()
    for take in (lambda: cut_journal(path, 1), lambda: remove_journal(path)):
        with pytest.raises(JournalError, match="may be in use"):
            take()
    path.write_bytes(content + b'{"half')
    with (
        pytest.warns(HqsamWarning, match="cut short"),
        pytest.raises(JournalError, match="may be in use"),
    ):
        Journal.reopen(path)
    assert path.read_bytes() == content + b'{"half'
    os.utime(path, (0, 0))  # long ago
    with pytest.warns(HqsamWarning):
        again, lines = Journal.reopen(path)
    assert len(lines) == 2
    again.close()
    journal.close()
    os.utime(path, (0, 0))
    with pytest.raises(JournalError, match="may be in use"):
        remove_journal(path, locked=True)
    remove_journal(path)
    assert not path.exists()


def test_two_creations_without_locks_leave_one_whole_journal(tmp_path, no_locks):
    path = tmp_path / "a.tif.journal.jsonl"
    inner = []

    def header():
        """Another session begins when this one is about to."""
        with pytest.warns(HqsamWarning):
            inner.append(Journal.create(path, {"winner": True}))
        return {"winner": False}

    with pytest.raises(OSError, match="exists"):
        Journal.create(path, header)
    assert b'"winner":true' in path.read_bytes()
    inner[0].append({"number": 1})
    inner[0].close()
