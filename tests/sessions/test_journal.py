"""A journal keeps what was written to it, whatever happens to the file."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import warnings
import zlib

import pytest

from napari_hqsam.errors import HqsamError, HqsamWarning, OutputError
from napari_hqsam.sessions import JournalError, journal_path
from napari_hqsam.sessions.journal.file import Journal
from napari_hqsam.sessions.journal.lines import read_lines


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.tif.journal.jsonl"


@pytest.fixture
def journal(path):
    with_three = Journal.create(path, {"header": True})
    for number in range(3):
        with_three.append({"number": number, "text": "µm"})
    yield with_three
    with_three.close()


def numbers(lines):
    assert lines[0]["header"] is True
    return [line["number"] for line in lines[1:]]


def test_it_lies_beside_the_labels(tmp_path):
    assert journal_path(tmp_path / "b.ome.zarr") == (
        tmp_path / "b.ome.zarr.journal.jsonl"
    )


def test_lines_are_json_and_come_back(journal, path):
    assert numbers(read_lines(path)) == [0, 1, 2]  # while it is in use
    texts = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(text).get("text") for text in texts] == [None, *["µm"] * 3]
    assert json.loads(texts[0])["journal"] == "napari-hqsam"


def test_a_line_is_on_the_disk_before_append_returns(journal, path, monkeypatch):
    synced = []
    really = os.fsync

    def fsync(descriptor):
        really(descriptor)
        synced.append(path.read_bytes().count(b"\n"))

    monkeypatch.setattr(os, "fsync", fsync)
    journal.append({"number": 3})
    assert synced == [5]


def test_a_cut_at_any_byte_loses_only_the_last_line(journal, path):
    journal.close()
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        if cut < ends[0] - 1:
            with pytest.raises(JournalError, match="is not a journal"):
                Journal.reopen(path)
            continue
        clean = cut in ends or cut + 1 in ends  # a line end alone may be missing
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            again, lines = Journal.reopen(path)
        assert [w.category for w in said] == ([] if clean else [HqsamWarning]), cut
        kept = sum(cut >= end - 1 for end in ends) - 1
        assert numbers(lines) == list(range(kept))
        again.append({"number": 9})
        again.close()
        assert numbers(read_lines(path)) == [*range(kept), 9]


def test_damage_within_is_named_by_its_line(journal, path):
    journal.close()
    whole = path.read_bytes()
    start = whole.index(b'{"number":1')
    end = whole.index(b"\n", start)
    for at in range(start, end):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(JournalError, match=re.escape(f"{path}: line 3 ")) as error:
            read_lines(path)
        assert "\n" not in str(error.value)
    with pytest.raises(JournalError):
        Journal.reopen(path)
    assert path.read_bytes().count(b"\n") == 4  # nothing was cut off


@pytest.mark.parametrize("order", [[0, 2, 3], [0, 1, 3], [0, 2, 1, 3], [0, 1, 1, 2, 3]])
def test_lines_that_are_missing_or_moved_are_noticed(journal, path, order):
    journal.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[i] for i in order))
    if order == [0, 1, 3]:  # as if the last were cut short
        with pytest.warns(HqsamWarning, match="line 3, the last"):
            assert numbers(read_lines(path)) == [0]
    else:
        with pytest.raises(JournalError, match=r"line [23] "):
            read_lines(path)


def test_other_line_ends_do_no_harm(journal, path):
    journal.close()
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert numbers(read_lines(path)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not a journal"),
        (b"words\nand more\nwords\n", "is not a journal"),
        (b'{"a":1}\n', "is not a journal"),
        (b"\x00" * 100, "is not a journal"),
    ],
)
def test_other_files_are_refused(path, content, words):
    path.write_bytes(content)
    with pytest.raises(JournalError, match=words):
        read_lines(path)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"journal": "napari-hqsam", "version": 2}, "version 2, .* install a newer"),
        ({"journal": "diary", "version": 1}, "is not a journal"),
    ],
)
def test_journals_of_others_are_refused(path, header, words):
    body = json.dumps(header)[:-1].encode()
    path.write_bytes(body + b',"sum":"%08x"}\n' % zlib.crc32(body))
    with pytest.raises(JournalError, match=words):
        read_lines(path)


def test_a_missing_file(path):
    with pytest.raises(JournalError, match="cannot be read"):
        read_lines(path)
    with pytest.raises(JournalError, match="does not exist"):
        Journal.reopen(path)


def test_nothing_is_overwritten(journal, path):
    journal.close()
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists"):
        Journal.create(path, {})
    assert path.read_bytes() == before
    Journal.reopen(path)[0].close()  # the failure let go of the lock


def test_only_one_session_writes(journal, path):
    with pytest.raises(JournalError, match="in use by another session"):
        Journal.reopen(path)
    journal.close()
    Journal.reopen(path)[0].close()


def test_a_full_disk_leaves_the_journal_as_it_was(journal, path, monkeypatch):
    before, really = path.read_bytes(), os.write

    def write(descriptor, data):
        if len(data) > 10:
            return really(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write)
        with pytest.raises(OutputError, match="No space left"):
            journal.append({"number": 3})
    assert path.read_bytes() == before
    journal.append({"number": 4})
    assert numbers(read_lines(path)) == [0, 1, 2, 4]


def test_a_line_is_taken_back_if_what_it_says_fails(journal, path):
    before = path.read_bytes()

    def fail():
        with journal.appended({"number": 3}):
            assert numbers(read_lines(path)) == [0, 1, 2, 3]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_bytes() == before
    journal.append({"number": 4})
    assert numbers(read_lines(path)) == [0, 1, 2, 4]


def test_a_closed_journal_says_so(journal):
    journal.close()
    journal.close()
    with pytest.raises(HqsamError):
        journal.append({"number": 3})


WRITER = """
import sys
from napari_hqsam.sessions.journal.file import Journal
journal = Journal.create(sys.argv[1], {"header": True})
number = 0
while True:
    journal.append({"number": number, "text": "x" * 5000})
    print(number, flush=True)
    number += 1
"""


def test_a_killed_process_loses_the_line_in_flight_at_most(path):
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        told = [int(writer.stdout.readline()) for _ in range(15)]
        writer.kill()
        told += map(int, writer.stdout.read().split())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HqsamWarning)
        journal, lines = Journal.reopen(path)  # the lock died with it
    journal.close()
    found = numbers(lines)
    assert found[: len(told)] == told
    assert len(found) - len(told) in (0, 1)


# --- other programs, while it is open ----------------------------------------------


def test_a_journal_that_is_removed_while_it_is_open_comes_back(journal, path):
    path.unlink()
    journal.append({"number": 3})
    assert numbers(read_lines(path)) == [0, 1, 2, 3]
    journal.append({"number": 4})
    assert numbers(read_lines(path)) == [0, 1, 2, 3, 4]


def test_a_journal_that_is_put_back_as_it_was_is_gone_on_with(journal, path):
    """As programs do that bring folders of two machines in step."""
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)
    journal.append({"number": 3})
    assert numbers(read_lines(path)) == [0, 1, 2, 3]


@pytest.mark.parametrize("change", ["another", "shorter", "no folder"])
def test_a_journal_that_another_program_changed_is_told(journal, path, change):
    content = path.read_bytes()
    shorter = content[: content.rindex(b"\n", 0, -1) + 1]
    match change:
        case "another":
            path.unlink()
            path.write_bytes(shorter)
        case "shorter":
            os.truncate(path, len(shorter))
        case "no folder":
            path.parent.rename(path.parent.with_name("elsewhere"))
    for _ in range(2):
        with pytest.raises(OutputError, match="nothing was changed"):
            journal.append({"number": 3})
    if change != "no folder":
        assert path.read_bytes() == shorter
    assert journal.lines == 4


def test_a_journal_that_lost_its_name_moves_with_all_its_lines(journal, path):
    path.unlink()
    path.write_text("mine")
    there = journal.moved(path.with_name("b.tif.journal.jsonl"))
    there.close()
    assert numbers(read_lines(there.path)) == [0, 1, 2]
    assert path.read_text() == "mine"
