"""The batch section: a job in a process of its own, by mouse and keys."""

import json

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from napari_hqsam.jobs import read_job
from napari_hqsam.viewer.batch import process
from tests.viewer.conftest import CORNERS

PATIENCE = 900
"""Seconds that a process may take to start on a machine that is busy."""
PROGRAM = """
import json, os, sys, time
import numpy as np
from napari_hqsam.jobs.runs import run, work
from tests.helpers.bright_network import load_bright
from tests.viewer.sections import test_batch

run.run_job.__kwdefaults__["load"] = test_batch.slow_bright

from napari_hqsam.jobs import background
background.main()
"""
"""The process of a job, with a network of known answers."""


def slow_bright(choice, device):
    """Load the stand-in; a tile takes as long as the environment says."""
    import os

    from napari_hqsam.jobs.description import ModelChoice
    from tests.helpers.bright_network import load_bright

    seconds = os.environ.get("BRIGHT_SECONDS", "0")
    return load_bright(ModelChoice(name=f"bright:128:{seconds}:16"), device)


@pytest.fixture
def bright_jobs(tmp_path, monkeypatch):
    """Jobs use the stand-in, and wait so many seconds a tile."""
    from tests.helpers.programs import environment

    program = tmp_path / "program" / "bright_job.py"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    found = environment()["PYTHONPATH"]
    monkeypatch.setenv("PYTHONPATH", f"{program.parent}:{found}")
    monkeypatch.setattr(process, "MODULE", "bright_job")
    monkeypatch.setattr(process, "NICENESS", 0)

    def wait(seconds):
        monkeypatch.setenv("BRIGHT_SECONDS", str(seconds))

    return wait


@pytest.fixture
def opened(viewer, open_widget, squares, tmp_path):
    """Return what opens a stack from a file, and the section of its widget."""

    def open_file(stack, name="cells.npy", **place):
        (tmp_path / "images").mkdir(exist_ok=True)
        path = tmp_path / "images" / name
        np.save(path, stack)
        (layer,) = viewer.open(path, plugin="napari", **place)
        hand = open_widget()
        section = hand.widget.sections["batch"]
        section.expand(animate=False)
        hand.batch, hand.jobs = section, hand.widget.jobs
        hand.image = layer
        return hand

    return open_file


def press(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def finish(hand):
    hand.wait(lambda: not hand.jobs.running and hand.idle(), seconds=PATIENCE)


def result_of(hand):
    found = [
        layer
        for layer in hand.viewer.layers
        if isinstance(layer, Labels) and "batch" in layer.name
    ]
    (layer,) = found
    return layer


def check_squares(labels):
    """Each square is one object, and there are no others."""
    ids = [labels[y + 2 : y + 18, x + 2 : x + 18] for y, x in CORNERS]
    assert all(len(np.unique(each)) == 1 and each.min() > 0 for each in ids)
    assert len({int(each[0, 0]) for each in ids}) == len(CORNERS) == labels.max()


def test_labels_of_a_stack_lie_on_the_image(opened, bright_jobs, squares, tmp_path):
    hand = opened(np.stack([squares] * 5), scale=(2.0, 0.5, 0.5), translate=(0, 7, 9))
    hand.settings.output = "sam"
    shares = []
    hand.jobs.advanced.connect(lambda share, text: shares.append((share, text)))
    press(hand.batch.run)
    assert hand.batch.run.text() == "Cancel"
    assert not hand.batch.save.isEnabled()
    finish(hand)
    assert not hand.notes
    layer = result_of(hand)
    for plane in layer.data:
        check_squares(plane)
    np.testing.assert_array_equal(layer.data[0], layer.data[2])  # linked
    np.testing.assert_allclose(layer.scale, hand.image.scale)
    np.testing.assert_allclose(layer.translate, hand.image.translate)
    assert layer.source.path == str(tmp_path / "images/labels/cells.ome.zarr")
    assert hand.viewer.layers.index(layer) == hand.viewer.layers.index(hand.image) + 1
    assert hand.batch.run.text() == "Run batch"
    assert any("6 objects in 1 of 1 image;" in text for text in hand.messages)
    assert [share for share, _ in shares] == sorted(share for share, _ in shares)
    assert any("plane 2 of 5" in text for _, text in shares)


def test_clicks_answer_while_a_batch_runs_and_it_can_be_cancelled(
    opened, bright_jobs, squares, tmp_path
):
    bright_jobs(0.5)
    hand = opened(np.stack([squares] * 30))
    hand.settings.output = "sam"
    press(hand.batch.run)
    texts = []
    hand.jobs.advanced.connect(lambda share, text: texts.append(text))
    hand.wait(lambda: any("plane 2" in text for text in texts), seconds=PATIENCE)
    hand.accept((20, 20))
    assert hand.jobs.running
    assert hand.labels[..., 20, 20].any()
    press(hand.batch.run)
    finish(hand)
    assert "Cancelled" in hand.messages[-1]
    assert not hand.notes
    folder = tmp_path / "images" / "labels"
    assert not (folder / "cells.ome.zarr").exists()
    bright_jobs(0)
    hand.messages.clear()
    press(hand.batch.run)  # goes on
    finish(hand)
    layer = result_of(hand)
    for plane in np.asarray(layer.data):
        check_squares(plane)
    assert not (folder / "cells.ome.zarr.batch").exists()


def test_a_folder_reports_the_image_that_fails(opened, bright_jobs, squares, tmp_path):
    hand = opened(squares)
    np.save(tmp_path / "images" / "other.npy", squares)
    (tmp_path / "images" / "broken.npy").write_bytes(b"nothing")
    hand.settings.output = "sam"
    hand.batch.source.native.setFocus()
    QTest.keyClick(hand.batch.source.native, Qt.Key.Key_Down)
    assert hand.jobs.state.source == "beside"
    hand.jobs.state.suffix = ".tif"
    press(hand.batch.run)
    finish(hand)
    assert any("12 objects in 2 of 3 images" in text for text in hand.messages)
    (note,) = hand.notes
    assert "1 of 3 images failed: broken.npy" in note
    check_squares(result_of(hand).data)
    written = sorted(path.name for path in (tmp_path / "images/labels").glob("*.tif"))
    assert written == ["cells.tif", "other.tif"]


def test_the_job_is_saved_with_the_settings(
    opened, squares, tmp_path, monkeypatch, bright_jobs
):
    hand = opened(squares)
    hand.settings.stretch, hand.settings.output = "contrast limits", "hq"
    hand.image.contrast_limits = (5, 190)
    hand.widget.stacks.state.proposer = "grid"
    hand.batch.workers.setValue(hand.batch.workers.maximum())
    path = tmp_path / "job"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(path), "Job (*.yaml)")
    )
    press(hand.batch.save)
    finish(hand)
    assert "napari-hqsam batch" in hand.messages[-1]
    job = read_job(tmp_path / "job.yaml")
    assert job.inputs.paths == (str(tmp_path / "images" / "cells.npy"),)
    assert job.inputs.normalization == (5, 190)
    assert job.action.proposer == "grid"
    assert job.options.output == "hq"
    assert job.outputs.folder == str(tmp_path / "images" / "labels")
    assert job.run.workers == hand.batch.workers.maximum()
    assert not (tmp_path / "images" / "labels").exists()


def test_what_no_file_holds_is_refused(opened, viewer, squares, bright_jobs):
    hand = opened(squares)
    hand.image.data = np.fliplr(squares).copy() // 2
    hand.wait()
    press(hand.batch.run)
    finish(hand)
    assert "holds other pixels than the layer" in hand.notes.pop()
    viewer.layers.clear()
    viewer.add_image(squares, name="array")
    hand.wait()
    press(hand.batch.run)
    assert "array has no file" in hand.notes.pop()
    viewer.layers.clear()
    press(hand.batch.run)
    assert "there is no image" in hand.notes.pop()
    assert not hand.jobs.running


def test_a_process_that_dies_is_reported(
    opened, bright_jobs, squares, tmp_path, monkeypatch
):
    (tmp_path / "program" / "dies.py").write_text("import os; os.abort()")
    monkeypatch.setattr(process, "MODULE", "dies")
    hand = opened(squares)
    press(hand.batch.run)
    finish(hand)
    assert "ended unexpectedly" in hand.notes.pop()
    assert hand.batch.run.text() == "Run batch"


def test_the_process_ends_with_the_widget(opened, bright_jobs, squares):
    bright_jobs(5)
    hand = opened(np.stack([squares] * 9))
    press(hand.batch.run)
    told = []
    hand.wait(lambda: hand.jobs._process is not None)
    hand.jobs._process.told.connect(told.append)
    hand.wait(lambda: bool(told), seconds=PATIENCE)
    running = hand.jobs._process._process
    hand.viewer.window.remove_dock_widget(hand.widget)
    assert running.processId() == 0


def test_lines_that_are_none_of_the_job_are_left_out(opened, squares, bright_jobs):
    hand = opened(squares)
    made = process.JobProcess(hand.widget)
    told = []
    made.told.connect(told.append)
    code = "print('noise'); print('[1]'); print('{\"step\": \"a\"}')"
    made._process.start(process.sys.executable, ["-c", code])
    hand.wait(lambda: bool(told), seconds=PATIENCE)
    assert told == [{"step": "a"}]
    assert json.dumps(told)
    hand.wait(lambda: made._process.processId() == 0)
