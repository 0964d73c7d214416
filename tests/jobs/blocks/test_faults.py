"""Faults within a run in blocks: the next run gives the undisturbed labels."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pytest

from napari_hqsam import read_labels
from napari_hqsam.errors import OutputError
from napari_hqsam.jobs import blocks_file, run_job, write_job
from napari_hqsam.jobs.description import Job, ModelChoice, RunOptions
from napari_hqsam.jobs.description.schema import build
from tests.helpers.bright_network import load_bright
from tests.helpers.programs import command, environment

pytestmark = pytest.mark.slow

OPTIONS = {"level": 0, "output": "sam"}


@pytest.fixture
def image(tmp_path):
    """Twenty bright discs on 300 x 60 pixels: three cells of a network of 64 pixels."""
    yy, xx = np.mgrid[:300, :60] % 30 - 15
    pixels = np.where(yy**2 + xx**2 < 10**2, 200, 10).astype(np.uint8)
    np.save(tmp_path / "plane.npy", pixels)
    return tmp_path / "plane.npy"


def segment(image, out, model="bright:64:0:8", load=load_bright, **run):
    return blocks_file(
        image,
        out,
        choice=ModelChoice(name=model),
        load=load,
        run=RunOptions(**run),
        block=1,
        normalization="none",
        **OPTIONS,
    )


def job_of(image, folder, model="bright:64:0:8", **run):
    return build(
        Job,
        {
            "inputs": {"paths": str(image), "normalization": "none"},
            "model": model,
            "options": OPTIONS,
            "outputs": {"folder": str(folder), "suffix": ".tif"},
            "run": run,
        },
    )


@pytest.fixture
def expected(image, tmp_path):
    """The labels of an undisturbed run."""
    segment(image, tmp_path / "expected.tif")
    labels = read_labels(tmp_path / "expected.tif")
    assert labels.max() == 20
    return labels


@pytest.mark.filterwarnings("ignore:a program was killed")
@pytest.mark.parametrize("as_job", [False, True], ids=["image", "job"])
def test_a_full_disk_costs_nothing_that_is_done(
    image, tmp_path, expected, monkeypatch, as_job
):
    faulty_disk = pytest.importorskip("tests.helpers.faulty_disk", reason="POSIX alone")
    # On the disk that fails, in this process.
    monkeypatch.setattr("napari_hqsam.jobs.blocks.file.make_executor", _serial_executor)

    def act(folder):
        if as_job:
            done = run_job(job_of(image, folder, workers=2), load=load_bright)
            assert not done.failed or "run the same" in done.failed[0][1]
        else:
            segment(image, folder / "plane.tif")

    seen = 0
    (tmp_path / "faults").mkdir()
    for fault in faulty_disk.each_fault(
        tmp_path / "faults", lambda folder: folder, act, ["ENOSPC"], every=11
    ):
        out = fault.folder / "plane.tif"
        if not out.exists():
            seen += 1
            act(fault.folder)
            assert not (fault.folder / "plane.tif.batch").exists(), fault.where
        np.testing.assert_array_equal(read_labels(out), expected, fault.where)
    assert seen > 10


def _serial_executor(_):
    from napari_hqsam.jobs.executors import SerialExecutor

    return SerialExecutor()


@dataclass(frozen=True)
class Deadly:
    """Loads a model in workers that the system then ends, so many of them."""

    folder: str
    deaths: int

    def __call__(self, choice, device):
        model = load_bright(choice, device)
        if multiprocessing.parent_process() is not None:
            for number in range(self.deaths):
                try:
                    open(f"{self.folder}/{number}", "x").close()
                except FileExistsError:
                    continue
                encode = model.network.encode

                def die(images, encode=encode):
                    encode(images)
                    os.kill(os.getpid(), signal.SIGKILL)

                model.network.encode = die
                break
        return model


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_worker_that_dies_costs_nothing(image, tmp_path, expected):
    (tmp_path / "deaths").mkdir()
    load = Deadly(str(tmp_path / "deaths"), 1)
    segment(image, tmp_path / "a.tif", load=load, workers=2)
    assert len(os.listdir(load.folder)) == 1
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), expected)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_workers_that_die_each_time_end_the_run_which_goes_on(
    image, tmp_path, expected
):
    (tmp_path / "deaths").mkdir()
    load = Deadly(str(tmp_path / "deaths"), 99)
    with pytest.raises(OutputError, match=r"died each time.*same command again"):
        segment(image, tmp_path / "a.tif", load=load, workers=2, retries=0)
    assert not (tmp_path / "a.tif").exists()
    segment(image, tmp_path / "a.tif")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), expected)


PROGRAM = """
import signal
from napari_hqsam import cli
from napari_hqsam.jobs import blocks_file, run_job
from tests.helpers.bright_network import load_bright

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for function in (blocks_file, run_job):
        function.__kwdefaults__["load"] = load_bright
    cli.main()
"""
"""The command line, with a network of known answers."""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
@pytest.mark.parametrize("as_job", [False, True], ids=["image", "job"])
def test_ctrl_c_of_the_command_and_the_same_command_again(
    image, tmp_path, expected, as_job
):
    (tmp_path / "program.py").write_text(PROGRAM)

    def start():
        model = "bright:64:0.3:8"
        out = tmp_path / "out" / "plane.tif"
        out.parent.mkdir(exist_ok=True)
        said = ["batch", image, "-o", out, "--workers", 2, "--model", model]
        said += ["--level", 0, "--output", "sam", "--normalization", "none"]
        if as_job:
            write_job(
                tmp_path / "job.yaml", job_of(image, out.parent, model, workers=2)
            )
            said = ["batch", tmp_path / "job.yaml"]
        return subprocess.Popen(
            command("program.py", *said),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    ledger = tmp_path / "out" / "plane.tif.batch" / "ledger.jsonl"
    running = start()
    end = time.monotonic() + 300
    while not (ledger.exists() and b'"segment"' in ledger.read_bytes()):
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert "interrupted" in err
    assert "again" in err
    assert "Traceback" not in err
    assert not (tmp_path / "out" / "plane.tif").exists()
    done = ledger.read_bytes().count(b'"segment"')
    again = start()
    said, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert f"{2 - done} blocks" in said
    labels = read_labels(tmp_path / "out" / "plane.tif")
    np.testing.assert_array_equal(labels, expected)
