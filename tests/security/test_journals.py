"""Journals that strangers send: one line says what is wrong, nothing else happens."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_hqsam.errors import ImageError
from napari_hqsam.sessions import JournalError, read_session
from napari_hqsam.sessions.journal.runs import (
    MAX_RUNS,
    count_runs,
    decode_runs,
    encode_runs,
)
from tests.helpers.hostile_files import HEADER, accept, bomb, header, runs, sealed

LIMITED = """
import resource, sys
from napari_hqsam import cli
import numpy, zarr, tifffile, scipy.ndimage, napari_hqsam.labels
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
cli.main()
"""
"""The command, which may take 1 GiB more than its modules."""


@pytest.fixture
def replay(tmp_path):
    """Replay a journal in a process of its own: exit code, error output."""

    def run(content):
        journal, image = tmp_path / "a.tif.journal.jsonl", tmp_path / "cells.tif"
        journal.write_bytes(content)
        tifffile.imwrite(image, np.zeros((12, 14), np.uint8))
        command = [sys.executable, "-c", LIMITED, "replay"]
        command += [str(journal), str(image), "-o", str(tmp_path / "out.tif")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        left = sorted(path.name for path in tmp_path.iterdir())
        assert done.returncode == 0 or left == ["a.tif.journal.jsonl", "cells.tif"]
        return done.returncode, done.stderr

    return run


def one_line(said):
    code, text = said
    assert code == 2, said
    assert len(text.splitlines()) == 1, text
    assert "Traceback" not in text
    return text


def test_an_honest_journal_is_replayed(replay, tmp_path):
    code, text = replay(sealed(HEADER, accept()))
    assert code == 0, text
    labels = tifffile.imread(tmp_path / "out.tif")
    assert np.count_nonzero(labels) == 6
    assert (labels[2:4, 3:6] == 1).all()


# The sums of these lengths are 6 in 64 bits, and far more in truth.
WRAPPED = runs([2**62, 2**62, 2**62, 2**62, 6], [1, 2, 1, 2, 1])
BOMB = bomb()


@pytest.mark.parametrize(
    "damage",
    [{"after": WRAPPED}, {"mask": BOMB}, {"before": BOMB}, {"bbox": (2, 3, 2**31, 6)}],
    ids=["wrapped", "bomb", "another bomb", "box"],
)
def test_runs_take_no_more_memory_than_their_box(replay, damage):
    text = one_line(replay(sealed(HEADER, accept(**damage))))
    assert "line 2 makes no sense" in text


@pytest.mark.parametrize(
    "damage",
    [
        {"before": WRAPPED},
        {"mask": WRAPPED},
        {"after": runs([7, -1], [1, 1])},
        {"after": runs([2**63 - 1, 2**63 - 1, 8], [0, 0, 1])},
        {"after": runs([6, 0], [1, 1])},
        {"after": runs([6], [1])[:-8]},
        {"after": "not base64"},
        {"after": "µ"},
        {"mask": runs([6], [2])},
        {"mask": runs([5, 1], [1, 0])},
        {"bbox": (-3, 3, 4, 6)},
        {"bbox": (4, 3, 2, 6)},
        {"bbox": (2, 3, 4, 15)},
        {"bbox": (2, 3, 2, 6)},
    ],
    ids=repr,
)
def test_runs_that_do_not_fit_their_box_are_refused(tmp_path, damage):
    path = tmp_path / "a.tif.journal.jsonl"
    path.write_bytes(sealed(HEADER, accept(**damage)))
    with pytest.raises(JournalError, match="line 2 makes no sense"):
        read_session(path)


def test_a_mask_of_a_prompt_is_no_bomb(replay):
    line = accept()
    line["prompt"]["mask"] = {"shape": [2, 3], "dtype": "<f4", "pixels": BOMB}
    assert "line 2 makes no sense" in one_line(replay(sealed(HEADER, line)))
    line["prompt"]["mask"] = {"shape": [2**31, 2**31], "runs": WRAPPED}
    assert "line 2 makes no sense" in one_line(replay(sealed(HEADER, line)))


@pytest.mark.parametrize(
    "labels",
    [
        {"shape": [12, 14, 2**60], "axes": "zyx"},
        {"shape": [12, -14]},
        {"shape": [0, 14]},
        {"shape": [12]},
        {"shape": [1e400, 14]},
        {"shape": "12"},
        {"shape": {}},
        {"highest": -1},
        {"highest": 2**40},
        {"axes": 5},
        {"axes": "zyx"},
        {"scale": [1.0]},
        {"units": ["µm", "µm", "µm"]},
    ],
    ids=repr,
)
def test_labels_that_cannot_be_are_refused(tmp_path, labels):
    path = tmp_path / "a.tif.journal.jsonl"
    path.write_bytes(sealed(header(**labels)))
    with pytest.raises(JournalError, match="line 1 makes no sense"):
        read_session(path)


WRONG = [
    ("id", 0),
    ("id", 1e400),
    ("id", []),
    ("plane", 7),
    ("plane", [0]),
    ("axes", [0, 0]),
    ("prompt", []),
    ("prompt", {"points": [["a", "b"]]}),
    ("prompt", {"points": [[0, 0]], "mask": []}),
    ("settings", None),
    ("settings.output", "sam3"),
    ("settings.candidate", -1),
    ("settings.candidate", "x"),
    ("settings.level", []),
    ("settings.typical_size", "x"),
    ("settings.view_extent", {}),
    ("settings.corrects", [{"points": "x"}]),
    ("settings.corrects", 5),
    ("settings.foreign", 5),
    ("setup.channels", [0]),
    ("setup.limits", [[1]]),
    ("setup.model", 5),
    ("mask", "x"),
    ("mask.bbox", [0, 0, 1]),
    ("mask.area", 5),
    ("mask.score", "x"),
    ("mask.level", "x"),
    ("mask.digest", 5),
    ("mask.foreign", 5),
    ("patches", {}),
    ("patches", ["x"]),
    ("event", []),
    ("event", "fly"),
    ("later", "x"),
    ("group", []),
]


@pytest.mark.parametrize(("key", "value"), WRONG, ids=map(repr, WRONG))
def test_a_line_that_makes_no_sense_is_refused(tmp_path, key, value):
    path = tmp_path / "a.tif.journal.jsonl"
    line = json.loads(json.dumps(accept()))
    *parents, last = key.split(".")
    place = line
    for name in parents:
        place = place[name]
    place[last] = value
    path.write_bytes(sealed(HEADER, line))
    with pytest.raises(JournalError, match="line 2 makes no sense"):
        read_session(path)


@pytest.mark.parametrize("number", [1, 2])
def test_a_line_nested_too_deeply_is_refused(tmp_path, number):
    deep = '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"
    path = tmp_path / "a.tif.journal.jsonl"
    path.write_bytes(sealed(*[HEADER][: number - 1], deep, accept()))
    with pytest.raises(JournalError):
        read_session(path)


def test_a_base_of_another_shape_is_refused(run_command, tmp_path):
    journal, image = tmp_path / "a.tif.journal.jsonl", tmp_path / "cells.tif"
    journal.write_bytes(sealed(header(base="a.tif.base.tif", highest=3), accept()))
    tifffile.imwrite(tmp_path / "a.tif.base.tif", np.ones((5, 7), np.uint16))
    tifffile.imwrite(image, np.zeros((12, 14), np.uint8))
    code, _, text = run_command("replay", journal, image, "-o", tmp_path / "out.tif")
    assert code == 2
    assert "a.tif.base.tif has shape (5, 7)" in text


def test_more_runs_than_can_be_read_are_not_written():
    data = np.zeros(MAX_RUNS + 1, bool)
    data[::2] = True
    with pytest.raises(ImageError, match="runs"):
        encode_runs(data)
    text = encode_runs(data[:-1])
    assert count_runs(text, MAX_RUNS) == {1: MAX_RUNS // 2}
    assert np.array_equal(decode_runs(text, (MAX_RUNS,), bool), data[:-1])
