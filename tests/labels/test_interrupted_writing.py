"""Killed, or out of disk: the labels that were there before are there after."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from napari_hqsam.errors import OutputError
from napari_hqsam.labels import labels_on_disk, read_labels, write_labels

NAMES = ["a.tif", "a.ome.zarr"]
OLD = np.full((40, 50), 7)

# Writes labels, and at the point named says so and waits for its end.
WRITER = """
import os, sys, time
import numpy as np
from napari_hqsam.labels import labels_on_disk

def stop(*args):
    print("there", flush=True)
    time.sleep(600)

path, point = sys.argv[1:]
if point == "tiff":
    os.fsync = stop
with labels_on_disk(path, (3000, 2000)) as labels:
    labels[:1024, :1024] = np.arange(2**20).reshape(1024, 1024)
    if point == "paint":
        stop()
"""


@pytest.fixture
def writer():
    """Start writers; they are killed at the latest when the test ends."""
    started = []

    def start(path, point):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), point],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "there\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def hidden(folder):
    return sorted(path.name for path in folder.iterdir() if path.name[0] == ".")


def let_time_pass(folder):
    """As if what is there had been begun long ago."""
    for lock in folder.glob(".*/lock"):
        os.utime(lock, (time.time() - 3600,) * 2)


@pytest.mark.parametrize(
    ("name", "point"), [("a.tif", "paint"), ("a.tif", "tiff"), ("a.zarr", "paint")]
)
def test_killed_while_writing(tmp_path, writer, name, point):
    write_labels(tmp_path / name, OLD)
    process = writer(tmp_path / name, point)
    np.testing.assert_array_equal(read_labels(tmp_path / name), OLD)
    process.kill()
    process.wait()
    np.testing.assert_array_equal(read_labels(tmp_path / name), OLD)
    assert len(hidden(tmp_path)) == 1
    # The next write clears up what the killed one left.
    let_time_pass(tmp_path)
    write_labels(tmp_path / name, OLD + 1)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    np.testing.assert_array_equal(read_labels(tmp_path / name), OLD + 1)


def test_who_still_writes_is_left_alone(tmp_path, writer):
    writer(tmp_path / "a.tif", "paint")
    let_time_pass(tmp_path)
    before = hidden(tmp_path)
    write_labels(tmp_path / "a.tif", OLD)
    assert hidden(tmp_path) == before
    with labels_on_disk(tmp_path / "a.tif", (20, 30)) as labels:
        let_time_pass(tmp_path)
        write_labels(tmp_path / "a.tif", OLD)  # from within one process as well
        labels[3, 4] = 5
    assert read_labels(tmp_path / "a.tif").sum() == 5


def test_leftovers_of_other_files_are_none_of_our_business(tmp_path):
    for name in (".b.tif.0123abcd.partial", ".a.tif.partial", ".a.tif.x.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
    (tmp_path / ".a.tif.0123abcd.partial").write_text("a file")
    let_time_pass(tmp_path)
    before = hidden(tmp_path)
    write_labels(tmp_path / "a.tif", OLD)
    assert hidden(tmp_path) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_without_locks_will_do(tmp_path, name, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*args):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    for labels in (OLD, OLD + 1):
        write_labels(tmp_path / name, labels)
        assert [path.name for path in tmp_path.iterdir()] == [name]
        np.testing.assert_array_equal(read_labels(tmp_path / name), labels)


def test_a_disk_that_is_full_when_the_tiff_is_put_together(tmp_path):
    resource = pytest.importorskip("resource")
    write_labels(tmp_path / "a.tif", OLD)
    noise = np.random.default_rng(0).integers(1, 2**16, (150, 150))

    def work():
        with labels_on_disk(tmp_path / "a.tif", (2000, 2000)) as labels:
            for y, x in [(0, 0), (600, 0), (0, 600), (1800, 1800)]:  # 60 kB each
                labels[y : y + 150, x : x + 150] = noise

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match="free some space"):
            work()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), OLD)
    work()
    assert read_labels(tmp_path / "a.tif")[1949, 1949] == noise[-1, -1]
