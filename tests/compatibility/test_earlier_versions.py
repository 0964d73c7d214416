"""What earlier versions wrote is read, and gives the same labels; see make_version."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_hqsam import Prompt, Segmenter, open_image, plan_batch, read_labels
from napari_hqsam.jobs import run_batch
from napari_hqsam.jobs.resegment import Resegmenter
from napari_hqsam.sessions import ArrayTarget, Session, read_session, rebuild, resegment
from napari_hqsam.tiling import Grid
from tests.helpers.bright_network import bright_model

VERSIONS = sorted(p.parent for p in Path(__file__).parent.glob("*/labels.npz"))
JOURNALS = [
    (folder, path.name.split(".")[0])
    for folder in VERSIONS
    for path in sorted(folder.glob("*.journal.jsonl"))
]
INPUT = 64


def test_there_is_something_to_read():
    assert len(VERSIONS) >= 1
    assert {name for _, name in JOURNALS} == {"prompts", "edits", "side"}


@pytest.fixture(params=VERSIONS, ids=lambda v: v.name)
def version(request, tmp_path):
    """A copy of what a version wrote."""
    return Path(shutil.copytree(request.param, tmp_path / "version"))


@pytest.fixture(params=JOURNALS, ids=lambda one: f"{one[0].name} {one[1]}")
def journal(request, tmp_path):
    """Copy a session; return its journal, and the labels as they were."""
    folder, name = request.param
    copied = Path(shutil.copytree(folder, tmp_path / "version"))
    return copied / f"{name}.tif.journal.jsonl", np.load(folder / "labels.npz")[name]


def begun(recorded, like):
    """Labels as the session found them."""
    labels = np.zeros_like(like)
    if recorded.base is not None:
        labels[...] = read_labels(recorded.base)
    return labels


def test_a_journal_gives_the_labels_as_they_were(journal):
    path, labels = journal
    recorded = read_session(path)
    again = begun(recorded, labels)
    assert rebuild(recorded, ArrayTarget(again)) == 0
    np.testing.assert_array_equal(again, labels)
    for label_id, pixels in recorded.history.table.pixels.items():
        if not recorded.history.table.was_preexisting(label_id):
            assert pixels == (labels == label_id).sum()


def test_the_network_gives_them_again_from_the_prompts(journal):
    path, labels = journal
    recorded = read_session(path)
    image = path.parent / "cells.tif"
    segment = Resegmenter(
        open_image(image, axes="zyx"),
        image,
        recorded,
        bright_model(INPUT, varied=True),
        None,
        False,
    )
    again = begun(recorded, labels)
    masks = resegment(recorded, ArrayTarget(again), segment)
    assert [each.pixels for each in masks] == [0] * len(masks)
    assert len(masks) >= 3
    np.testing.assert_array_equal(again, labels)


def test_a_session_goes_on_and_is_undone_to_its_beginning(journal):
    path, labels = journal
    with Session.open(path, ArrayTarget(labels.copy())) as session:
        while session.undo():
            pass
        start = begun(read_session(path), labels)
        np.testing.assert_array_equal(session.target.array, start)
        while session.redo():
            pass
        session.delete(session.table.ids[0])
        session.undo()
    again = begun(read_session(path), labels)
    assert rebuild(read_session(path), ArrayTarget(again)) == 0
    np.testing.assert_array_equal(again, session.target.array)


def test_the_command_line_replays_a_journal(journal, monkeypatch, capsys):
    from napari_hqsam import cli

    path, labels = journal
    out = path.parent / "out.tif"
    image = path.parent / "cells.tif"
    said = ["napari-hqsam", "replay", path, image, "--axes", "zyx", "-o", out]
    monkeypatch.setattr("sys.argv", [*map(str, said)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    assert "as they were accepted" in capsys.readouterr().out
    np.testing.assert_array_equal(read_labels(out), labels)


def test_a_store_serves_and_is_not_written_anew(version):
    image = open_image(version / "cells.tif", axes="zyx")
    model = bright_model(INPUT, varied=True)
    before = {p: p.read_bytes() for p in (version / "stores").rglob("*c.*")}
    assert before
    old = Segmenter(image, model, normalization=(0, 255), cache=version / "stores")
    new = Segmenter(image, model, normalization=(0, 255), cache=False)
    for plane in (0, 2):
        click = Prompt([(15, 42)])
        mask = old.segment(click, plane=plane, level=0)
        wanted = new.segment(click, plane=plane, level=0)
        np.testing.assert_array_equal(mask.data, wanted.data)
        assert mask.bbox == wanted.bbox
    grid = Grid(image.plane_shape, INPUT)
    old.source.features((1,), grid.nearest(-1, (16, 40)))
    assert old.source.encoded == 0
    assert {p: p.read_bytes() for p in (version / "stores").rglob("*c.*")} == before
    # All else is encoded, so that the store is what served.
    old.segment(Prompt([(15, 42)]), plane=3, level=0)
    assert old.source.encoded == 1
    again = Segmenter(image, model, normalization=(0, 255), cache=version / "stores")
    for plane in (0, 2, 3):
        again.segment(Prompt([(15, 42)]), plane=plane, level=0)
    assert again.source.encoded == 0


def test_a_batch_that_broke_off_goes_on(version):
    image = open_image(version / "cells.tif", axes="zyx")
    segmenter = Segmenter(
        image, bright_model(INPUT, varied=True), normalization=(0, 255), cache=False
    )
    prompts = [Prompt([(13, 14)]), Prompt([(16, 40)]), Prompt(box=(27, 33, 43, 50))]
    batch = plan_batch(image, "same", prompts, level=0)
    done = run_batch(segmenter, version / "batch.tif", batch)
    assert (done.complete, done.planes, done.resumed) == (True, 4, 2)
    labels = np.load(version / "labels.npz")["batch"]
    np.testing.assert_array_equal(tifffile.imread(version / "batch.tif"), labels)
