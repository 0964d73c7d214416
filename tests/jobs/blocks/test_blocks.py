"""Blocks of one image: every object once, whatever the blocks, workers and order."""

import random
import subprocess
import time

import numpy as np
import pytest

from napari_hqsam import read_labels
from napari_hqsam.errors import JobError, OutputError
from napari_hqsam.jobs import blocks_file
from napari_hqsam.jobs.description import ModelChoice, RunOptions
from tests.helpers.bright_network import load_bright
from tests.helpers.programs import command, environment
from tests.jobs.blocks.conftest import same_objects, volume

COMMON = {
    "choice": ModelChoice(name="bright"),
    "load": load_bright,
    "normalization": "none",
    "level": 0,
    "output": "sam",
}


def run(image, out, **more):
    return blocks_file(image, out, **COMMON | more)


@pytest.fixture
def image(tmp_path):
    np.save(tmp_path / "v.npy", volume()[0])
    return tmp_path / "v.npy"


@pytest.mark.usefixtures("find_all")
def test_every_object_once_whatever_blocks_and_order(image, tmp_path, shuffled):
    wanted = volume()[1]
    for block in (1, 2, 5):
        shuffled(block)
        done = run(image, tmp_path / f"{block}.ome.zarr", axes="zyx", block=block)
        assert done.objects == wanted.max()
    first = read_labels(tmp_path / "1.ome.zarr")
    assert same_objects(first, wanted)
    for block in (2, 5):
        np.testing.assert_array_equal(
            read_labels(tmp_path / f"{block}.ome.zarr"), first
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "1.ome.zarr", "2.ome.zarr", "5.ome.zarr", "v.npy",
    ]  # fmt: skip


@pytest.mark.usefixtures("find_all")
@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_an_interrupted_run_goes_on_with_other_blocks(
    image, tmp_path, shuffled, monkeypatch, name
):
    whole = volume()[1][:2]
    np.save(image, volume()[0][:2])
    monkeypatch.setattr("napari_hqsam.jobs.blocks.run.UNIT_CHUNKS", 1)
    for attempts, limit in enumerate((1, 7, 4, 6, 3, 9, 99)):
        shuffled(attempts, limit)
        try:
            done = run(image, tmp_path / name, axes="zyx", block=1 + attempts % 2)
        except KeyboardInterrupt:
            assert not (tmp_path / name).exists()
            continue
        break
    else:
        pytest.fail("it never ended")
    assert attempts > 2
    assert done.objects == len(np.unique(whole)) - 1
    shuffled(0)
    run(image, tmp_path / "b.tif", axes="zyx")
    labels = read_labels(tmp_path / name)
    np.testing.assert_array_equal(labels, read_labels(tmp_path / "b.tif"))
    assert same_objects(labels, whole)
    assert not (tmp_path / f"{name}.batch").exists()


@pytest.mark.usefixtures("find_all")
def test_other_settings_need_a_restart(image, tmp_path, shuffled):
    shuffled(0, 2)
    with pytest.raises(KeyboardInterrupt):
        run(image, tmp_path / "a.tif", axes="zyx")
    shuffled(0)
    with pytest.raises(OutputError, match="differs in linking"):
        run(image, tmp_path / "a.tif", axes="zyx", min_overlap=0.5)
    np.save(image, volume(1)[0])
    with pytest.raises(OutputError, match="differs in image"):
        run(image, tmp_path / "a.tif", axes="zyx")
    done = run(image, tmp_path / "a.tif", axes="zyx", restart=True)
    assert done.objects == volume(1)[1].max()


def test_what_blocks_do_not_take(image, tmp_path):
    for wrong in ({"model": "micro"}, {"cache": False}, {"block": 0}):
        with pytest.raises(JobError, match=next(iter(wrong))):
            run(image, tmp_path / "a.tif", **wrong)


PROGRAM = """
import sys
from napari_hqsam.jobs import blocks_file
from napari_hqsam.jobs.description import ModelChoice, RunOptions
from tests.helpers.bright_network import load_bright

if __name__ == "__main__":
    blocks_file(
        sys.argv[1], sys.argv[2], choice=ModelChoice(name="bright:128:0.1"), block=1,
        load=load_bright, run=RunOptions(workers=int(sys.argv[3])), level=0,
        normalization="none", output="sam",
    )
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_goes_on(tmp_path, workers):
    pixels = volume(2, (1, 860, 320))[0][0] + np.uint8(10)
    np.save(tmp_path / "p.npy", pixels)
    run(tmp_path / "p.npy", tmp_path / "whole.tif")
    (tmp_path / "program.py").write_text(PROGRAM)
    ledger = tmp_path / "a.tif.batch" / "ledger.jsonl"
    program = command("program.py", "p.npy", "a.tif", workers)
    rng = random.Random(workers)
    for least in (3, 5):  # the header, the level, and blocks of cells
        with subprocess.Popen(program, cwd=tmp_path, env=environment()) as running:
            end = time.monotonic() + 120
            while running.poll() is None and _lines(ledger) < least:
                assert time.monotonic() < end
                time.sleep(0.02)
            time.sleep(rng.uniform(0, 0.3))
            running.kill()
    subprocess.run(program, cwd=tmp_path, env=environment(), check=True, timeout=120)
    np.testing.assert_array_equal(
        read_labels(tmp_path / "a.tif"), read_labels(tmp_path / "whole.tif")
    )
    assert not (tmp_path / "a.tif.batch").exists()


def _lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
def test_a_network_in_two_processes_gives_the_labels_of_one(tmp_path):
    pixels = volume(2, (1, 300, 460))[0][0] + np.uint8(10)
    np.save(tmp_path / "p.npy", pixels)
    for workers in (1, 2):
        options = RunOptions(workers=workers)
        out = tmp_path / f"{workers}.tif"
        run(tmp_path / "p.npy", out, run=options, block=3 - workers)
    one, two = (read_labels(tmp_path / f"{workers}.tif") for workers in (1, 2))
    np.testing.assert_array_equal(one, two)
    assert one.max() > 50
