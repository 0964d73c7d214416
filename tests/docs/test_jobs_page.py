"""The page on many images: its jobs are valid, its keys are all, its commands run."""

import re
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import yaml

from napari_hqsam import read_labels
from napari_hqsam.errors import OutputError
from napari_hqsam.jobs import Reporter, run_job
from napari_hqsam.jobs.description import ACTIONS, Inputs, Job, ModelChoice, Outputs
from napari_hqsam.jobs.description.job import Options, RunOptions
from napari_hqsam.jobs.description.schema import build
from tests.helpers.bright_network import load_bright
from tests.jobs.runs.conftest import squares

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "jobs.md").read_text()
SECTIONS = {
    "inputs": [Inputs],
    "action": list(ACTIONS.values()),
    "model": [ModelChoice],
    "options": [Options],
    "outputs": [Outputs],
    "run": [RunOptions],
}


def blocks(language):
    return re.findall(rf"```{language}[^\n]*\n(.*?)```", PAGE, re.DOTALL)


def test_its_jobs_are_valid():
    jobs = [build(Job, yaml.safe_load(text)) for text in blocks("yaml")]
    assert len(jobs) == 3
    assert jobs[-1].model.device == ("cuda:0", "cuda:1")
    for text in re.findall(r"`run: (\{.*?\})`", PAGE):
        build(RunOptions, yaml.safe_load(text.replace("`", "")))


def test_its_table_has_every_key():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert rows.keys() == SECTIONS.keys()
    for name, classes in SECTIONS.items():
        told = set(re.findall(r"`(\w+)`", rows[name]))
        wanted = {field.name for each in classes for field in fields(each)}
        assert told - set(ACTIONS) == wanted - set(ACTIONS), name


@pytest.fixture
def at_work(tmp_path, monkeypatch):
    """A folder with images and prompts, and a stand-in for the model."""
    (tmp_path / "images").mkdir()
    for number in range(2):
        pixels = squares(4, number)
        np.save(tmp_path / "images" / f"{number}.npy", pixels)
        y, x = np.argwhere(pixels == 200)[0] + 4
        (tmp_path / "images" / f"{number}.csv").write_text(f"y,x\n{y},{x}\n")
    np.save(tmp_path / "slide.npy", squares(6, 7))
    monkeypatch.chdir(tmp_path)
    bright = ModelChoice(name="bright")
    monkeypatch.setattr(
        "napari_hqsam.models.load_model", lambda *_, **__: load_bright(bright, "cpu")
    )
    return tmp_path


def test_the_commands_for_a_laptop_run(at_work, run_command):
    lines = [
        line
        for block in blocks("sh")
        for line in block.splitlines()
        if "scheduler" not in line and "dask" not in line
    ]
    assert len(lines) >= 6
    for line in lines:
        if "job.yaml" in line:
            text = blocks("yaml")[0].replace('pattern: "*.tif"', 'pattern: "*.npy"')
            text = text.replace("apg", "grid").replace("folder: labels", "folder: out")
            Path("job.yaml").write_text(text)
        line = line.replace("slide.ome.zarr", "slide.npy")
        line = line.replace("--workers 4", "--workers 1")  # the stand-in is here alone
        if "csv" in line:
            line = line.replace("-o labels/", "-o prompted/")
        words = [word.strip("'") for word in line.split()[1:]]
        code, _, err = run_command(*words)
        assert code == 0, (line, err)
    for name in ("labels/0.tif", "prompted/1.ome.zarr", "labels.ome.zarr", "out/1.tif"):
        assert read_labels(name).max() > 0


@pytest.mark.slow
def test_dasks_own_programs_run_a_job_and_a_lost_scheduler_costs_nothing(tmp_path):
    pytest.importorskip("distributed")
    (tmp_path / "images").mkdir()
    for number in range(6):
        np.save(tmp_path / "images" / f"{number}.npy", squares(4, number))
    file = tmp_path / "scheduler.json"

    def job(seconds):
        run = {"scheduler_file": str(file), "resources": {"GPU": 1}}
        return build(
            Job,
            {
                "inputs": {"paths": str(tmp_path / "images"), "normalization": "none"},
                "outputs": {"folder": str(tmp_path / "out"), "suffix": ".tif"},
                "options": {"level": 0, "output": "sam"},
                "model": f"bright:128:{seconds}",
                "run": run,
            },
        )

    def start(*words):
        return subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def cluster():
        scheduler = start("scheduler", "--port", "0", "--no-dashboard",
                          "--scheduler-file", str(file))  # fmt: skip
        end = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < end
            time.sleep(0.1)
        worker = start("worker", "--scheduler-file", str(file), "--nthreads", "1",
                       "--resources", "GPU=1", "--no-dashboard")  # fmt: skip
        return scheduler, worker

    class KillAfterTwo(Reporter):
        @contextmanager
        def progress(self, unit, total=None):
            done = []

            def advance(count):
                done.append(count)
                if len(done) == 2:
                    programs[0].kill()

            yield advance

    def end():
        for each in programs:
            each.kill()
            each.communicate()

    programs = cluster()
    try:
        with pytest.raises(OutputError, match="dask scheduler is gone"):
            run_job(job(0.3), load=load_bright, reporter=KillAfterTwo())
    finally:
        end()
    file.unlink()
    with pytest.raises(OutputError, match="no dask scheduler at"):
        run_job(job(0.3), load=load_bright)
    programs = cluster()
    try:
        done = run_job(job(0.3), load=load_bright)
    finally:
        end()
    assert 2 <= done.resumed < 6
    assert (done.images, done.objects, done.failed) == (6, 24, ())
