"""The folder of a batch: ours alone, and as the ledger says, also after a power cut."""

import json
import os
import pickle
import shutil
import warnings

import numpy as np
import pytest

from napari_hqsam import Prompt, read_labels, write_labels
from napari_hqsam.errors import HqsamWarning, OutputError
from napari_hqsam.files import try_lock
from napari_hqsam.jobs import plan_batch, run_batch

FIRST = Prompt([(12, 10)])


@pytest.fixture
def run(squares, stack, tmp_path):
    """Run a batch of six planes, up to one of them; return the segmenter."""

    def go(name="a.tif", until=None, mode="same", **how):
        segmenter, done = squares(stack), []
        prompts = [FIRST] if mode == "same" else []
        batch = plan_batch(segmenter.image, mode, prompts, level=0)
        segmenter.result = run_batch(
            segmenter,
            tmp_path / name,
            batch,
            progress=lambda planes, _: done.append(planes),
            cancelled=lambda: until is not None and done[-1] >= until,
            **how,
        )
        return segmenter

    return go


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- whose folder it is ---------------------------------------------------------


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_what_a_failed_write_left_is_removed(run, tmp_path, name):
    left = tmp_path / f"{name}.batch/.{name}.0123abcd.partial/{name}.partial/0/c"
    left.mkdir(parents=True)
    (left / "0").write_bytes(b"part of a chunk")
    assert run(name).result.complete
    assert not (tmp_path / f"{name}.batch").exists()


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
@pytest.mark.parametrize(
    "inside", ["thesis.docx", "labels.zarr/0", "a.ome.zarr/0", "ledger.jsonl"]
)
def test_a_folder_of_the_users_is_not_touched(run, tmp_path, name, inside):
    folder = tmp_path / f"{name}.batch"
    (folder / inside).parent.mkdir(parents=True)
    (folder / inside).write_text('{"my": "own"}\n')
    before = tree(tmp_path)
    for options in ({}, {"restart": True}, {"overwrite": True}):
        with pytest.raises(OutputError, match="holds other files"):
            run(name, **options)
        assert tree(tmp_path) == before


def test_what_others_put_there_stays(run, tmp_path):
    run(until=2)
    other = tmp_path / "a.tif.batch" / "notes.txt"
    other.write_text("mine")
    run()
    assert read_labels(tmp_path / "a.tif").any()
    assert [path.name for path in other.parent.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_labels_that_came_meanwhile_are_not_replaced(squares, stack, tmp_path, name):
    segmenter, other = squares(stack), np.full((6, 40, 60), 9, np.uint16)
    batch = plan_batch(segmenter.image, "same", [FIRST], level=0)

    def somebody_saves(planes, _):
        if planes == 3:
            write_labels(tmp_path / name, other, axes="zyx")

    with pytest.raises(OutputError, match=f"{name} exists"):
        run_batch(segmenter, tmp_path / name, batch, progress=somebody_saves)
    np.testing.assert_array_equal(read_labels(tmp_path / name), other)
    again = run_batch(segmenter, tmp_path / name, batch, overwrite=True)
    assert (again.complete, again.resumed) == (True, 6)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
@pytest.mark.parametrize("inside", ["ledger.jsonl", "lock", "labels", "labels/0", ""])
def test_a_link_of_a_stranger_leads_nowhere(run, tmp_path, name, inside):
    """An archive may hold links, and what they lead to would be written over."""
    if inside:
        run(name, until=2)
    folder, secret = tmp_path / f"{name}.batch", tmp_path / "secret"
    labels = name if name.endswith("zarr") else "labels.zarr"
    link = folder / inside.replace("labels", labels) if inside else folder
    if link.exists():
        link.rename(secret)
    else:
        secret.mkdir()
    if inside == "ledger.jsonl":
        secret.write_text("no ledger\n")
    link.symlink_to(secret)
    before = tree(secret) if secret.is_dir() else secret.read_bytes()
    for options in ({}, {"restart": True}):
        with pytest.raises(OutputError, match="is a link"):
            run(name, **options)
        assert (tree(secret) if secret.is_dir() else secret.read_bytes()) == before


def test_a_folder_of_an_older_version_is_gone_on_with(run, tmp_path):
    run(until=2)
    folder = tmp_path / "a.tif.batch"
    (folder / "napari-hqsam-batch.txt").unlink()
    ledger = folder / "ledger.jsonl"
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    for line in lines[1:]:
        del line["chunks"]
    ledger.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run().done == [(2,), (3,), (4,), (5,)]
    assert not folder.exists()


def test_the_lock_is_held_to_the_end(run, tmp_path, monkeypatch):
    """Else another process could begin in a folder that is being removed."""
    seen = []
    rmtree = shutil.rmtree

    def look(path, **how):
        seen.append(try_lock(tmp_path / "a.tif.batch" / "lock"))
        rmtree(path, **how)

    monkeypatch.setattr("napari_hqsam.jobs.batches.storage.shutil.rmtree", look)
    run()
    assert seen
    assert not any(seen)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


# --- what is on the disk --------------------------------------------------------


@pytest.mark.parametrize("mode", ["same", "auto"])
def test_chunks_are_on_the_disk_before_their_line_is(run, tmp_path, monkeypatch, mode):
    order = []
    fsync = os.fsync

    def note(descriptor):
        order.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    run(until=3, mode=mode)
    ledger = tmp_path / "a.tif.batch" / "ledger.jsonl"
    lines = [i for i, path in enumerate(order) if path == str(ledger)]
    assert len(lines) == 3
    for number, at in enumerate(lines):
        before = order[lines[number - 1] if number else 0 : at]
        assert any(path.endswith(f"labels.zarr/0/c/{number}/0/0") for path in before)


@pytest.mark.parametrize("damage", ["emptied", "gone", "other", "more"])
@pytest.mark.parametrize("mode", ["same", "auto"])
def test_a_plane_that_is_not_on_the_disk_is_done_again(run, tmp_path, damage, mode):
    run("whole.tif", mode=mode)
    run(until=4, mode=mode)
    chunk = tmp_path / "a.tif.batch/labels.zarr/0/c/1/0/0"
    content = chunk.read_bytes()
    match damage:
        case "emptied":
            chunk.write_bytes(b"")
        case "gone":
            chunk.unlink()
        case "other":
            chunk.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "more":
            chunk.write_bytes(content + b"\0")
    with pytest.warns(HqsamWarning, match=r"plane \(1,\) .* the 2 after it"):
        again = run(mode=mode)
    assert again.done == [(1,), (2,), (3,), (4,), (5,)]
    np.testing.assert_array_equal(
        read_labels(tmp_path / "a.tif"), read_labels(tmp_path / "whole.tif")
    )


def test_a_batch_that_is_whole_is_not_done_again(run, tmp_path):
    run(until=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run().done == [(4,), (5,)]


# --- a ledger of a stranger's -----------------------------------------------------

LINES = [
    {"plane": [9]},
    {"plane": []},
    {"plane": "0"},
    {"objects": [[1, 0, 0, 10**9, 10**9, 1.0, 1.0, 5, []]]},
    {"objects": [[1, 9, 0, 5, 5, 1.0, 1.0, 5, []]]},
    {"objects": [[0, 0, 0, 5, 5, 1.0, 1.0, 5, []]]},
    {"objects": [[1, 0, 0, 5, 5, "x", 1.0, 5, []]]},
    {"objects": [[1, 0, 0, 5, 5, 1e400, 1.0, 5, []]]},
    {"objects": [1]},
    {"objects": {}},
    {"lost": -1},
    {"level": "auto"},
    {"chunks": {"../../../etc/passwd": [1, 2]}},
    {"chunks": {"0/c/../../x": [1, 2]}},
    {"chunks": {"0/c/1/0/0": [1]}},
    {"chunks": []},
]


@pytest.mark.parametrize("change", LINES, ids=map(repr, LINES))
def test_a_line_that_makes_no_sense_is_refused(run, tmp_path, change):
    run(until=2)
    ledger = tmp_path / "a.tif.batch" / "ledger.jsonl"
    lines = ledger.read_text().splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | change)
    ledger.write_text("\n".join(lines) + "\n")
    before = tree(tmp_path)
    with pytest.raises(OutputError, match=r"line 2 makes no sense.*restart") as told:
        run()
    assert "\n" not in str(told.value)
    assert tree(tmp_path) == before
    assert len(run(restart=True).done) == 6


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 9000, "[]", "\0", "{}"])
def test_a_ledger_of_anything(run, tmp_path, text):
    run(until=2)
    (tmp_path / "a.tif.batch" / "ledger.jsonl").write_text(text + "\n")
    try:
        assert len(run().done) == 6
    except OutputError as error:
        assert "differs in" in str(error)  # noqa: PT017 - either will do


def test_labels_of_a_stranger_are_not_read(run, tmp_path, trace):
    """Whoever may write to the folder could put a zarr there that runs a program."""

    class Program:
        def __reduce__(self):
            return os.system, (f"touch '{trace}'",)

    run(until=2)
    array = tmp_path / "a.tif.batch" / "labels.zarr" / "0"
    shutil.rmtree(array)
    array.mkdir()
    said = {
        "zarr_format": 2,
        "shape": [6, 40, 60],
        "chunks": [1, 40, 60],
        "dtype": "|O",
        "fill_value": "",
        "order": "C",
        "filters": [{"id": "vlen-utf8"}],
        "compressor": {"id": "pickle", "protocol": 5},
    }
    (array / ".zarray").write_text(json.dumps(said))
    for number in range(6):
        (array / f"{number}.0.0").write_bytes(pickle.dumps(Program()))
    with pytest.raises(OutputError, match="restart"):
        run()


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_a_disk_that_is_full_is_one_line_and_loses_nothing(run, tmp_path, name):
    resource = pytest.importorskip("resource")
    run("whole.tif")
    run(name, until=3)
    before = tree(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        with pytest.raises(OutputError, match="free some space") as told:
            run(name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(told.value)
    assert before.keys() <= tree(tmp_path).keys()
    assert run(name).result.complete
    np.testing.assert_array_equal(
        read_labels(tmp_path / name), read_labels(tmp_path / "whole.tif")
    )
