"""One call in Python writes the files that the command of the same job writes."""

from __future__ import annotations

import contextlib

import pytest

import napari_hqsam as hqsam
from napari_hqsam.errors import HqsamWarning
from napari_hqsam.jobs import JobSetup
from tests.compatibility.cli_cases import is_kept, make_inputs
from tests.compatibility.test_command_files import check_same, kept_files
from tests.helpers.bright_network import bright_model

MODEL = bright_model(64)
STACK = {"axes": "zyx", "normalization": (0, 255), "model": MODEL, "cache": False}
FLAT = {"normalization": (0, 255), "model": MODEL, "cache": False, "level": 0}


def segment_points():
    prompts = [hqsam.Prompt([(13, 14)]), hqsam.Prompt([(38, 45)])]
    hqsam.segment_file("flat.ome.tif", "out.tif", prompts, **FLAT)


def segment_csv():
    hqsam.segment_file("flat.ome.tif", "out.ome.tif", "flat.csv", **FLAT)


def segment_box():
    prompts = [hqsam.Prompt(box=(5, 33, 25, 51)), hqsam.Prompt(box=(2, 4, 24, 50))]
    with pytest.warns(HqsamWarning, match="1 of 2 prompts gave no pixels"):
        hqsam.segment_file(
            *("flat.ome.tif", "out.tif", prompts),
            overlap="overwrite",
            overlay="look.png",
            **FLAT,
        )


def segment_plane():
    click = hqsam.Prompt([(36, 20)])
    hqsam.segment_file("cells.tif", "out.tif", click, plane={"z": 2}, level=-1, **STACK)


def segment_channel():
    click = hqsam.Prompt([(13, 14)])
    shown = {"axes": "cyx", "channels": 1}
    hqsam.segment_file("two.npy", "out.tif", click, **shown, **FLAT)


def batch_same():
    hqsam.batch_file(
        *("cells.tif", "out.tif", "flat.csv"),
        planes="1:4",
        tracks="tracks.csv",
        level=0,
        **STACK,
    )


def batch_each():
    hqsam.batch_file(
        "cells.tif", "out.ome.zarr", "each.csv", mode="each", level=0, **STACK
    )


def propagate():
    hqsam.propagate_file(
        *("cells.tif", "out.tif", "stack.csv"),
        spacing=1,
        confidence="sure.csv",
        level=0,
        **STACK,
    )


def propagate_keep():
    hqsam.propagate_file(
        *("cells.tif", "out.ome.zarr", "stack.csv"),
        spacing=1,
        z_range=(0, 4),
        keep="kept.tif",
        level=0,
        **STACK,
    )


def propagate_across():
    hqsam.propagate_file(
        *("cells.tif", "out.tif", "across.csv"),
        spacing=1,
        across="y",
        z_range=(30, 42),
        level=0,
        **STACK,
    )


def replay_prompts():
    done = hqsam.replay_file(
        "prompts.tif.journal.jsonl", "cells.tif", "out.ome.tif", axes="zyx"
    )
    assert done.objects
    assert done.model is None


def replay_edits_again():
    done = hqsam.replay_file(
        *("edits.tif.journal.jsonl", "cells.tif", "out.tif"),
        axes="zyx",
        model=bright_model(64, varied=True),
        cache=False,
    )
    assert not any(each.pixels for each in done.resegmented)


CALLS = (
    *(segment_points, segment_csv, segment_box, segment_plane, segment_channel),
    *(batch_same, batch_each, propagate, propagate_keep, propagate_across),
    *(replay_prompts, replay_edits_again),
)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_a_call_writes_what_the_command_writes(call, tmp_path):
    folder = tmp_path / call.__name__
    folder.mkdir()
    make_inputs(folder)
    with contextlib.chdir(folder):
        call()
    wanted = kept_files(call.__name__.replace("_", " "))
    assert wanted
    for file, data in wanted.items():
        assert is_kept(file)
        check_same(folder, file, (folder / file).read_bytes(), data)


def test_the_tiles_of_an_image_are_encoded_once(tmp_path):
    make_inputs(tmp_path)
    given = {**STACK, "cache": tmp_path / "stores", "plane": {"z": 1}}
    first = hqsam.embed_file(tmp_path / "cells.tif", **given)
    again = hqsam.embed_file(tmp_path / "cells.tif", **given)
    assert first.encoded > 0
    assert (again.encoded, again.found) == (0, first.encoded)


def test_figures_of_folders(tmp_path):
    make_inputs(tmp_path)
    done = hqsam.evaluate_folders(
        tmp_path / "truth", model=MODEL, level=0, json_file=tmp_path / "figures.json"
    )
    assert done.scores
    assert (tmp_path / "figures.json").read_text() == done.json()


def test_a_keyword_that_no_job_knows():
    with pytest.raises(TypeError, match="levels"):
        JobSetup.from_keywords({"levels": 0})
