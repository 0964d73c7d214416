"""A whole slide on the command line, with the bundled model, within 2 GB."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr
from scipy.ndimage import gaussian_filter

from napari_hqsam.images import open_image

pytestmark = pytest.mark.slow

SIDE = 61_440
CHUNK = 1024
LIMIT_GB = 2.0

# Runs the command line and says how much memory it took at most.
MEASURED = """
import resource, subprocess, sys
code = subprocess.call([sys.executable, "-m", "napari_hqsam.cli", *sys.argv[1:]])
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


@pytest.fixture
def slide(tmp_path):
    """A grey slide of 3.8 GB: one chunk of discs, 60 x 60 times.

    Also the (y, x) of the discs' centres in a chunk, and their radius. None of
    the chunks is empty, so that reading one costs what it does on a real slide.
    """
    centres, radius = [(300, 280), (700, 600), (250, 800)], 60
    yy, xx = np.mgrid[:CHUNK, :CHUNK]
    near = [np.hypot(yy - y, xx - x) < radius for y, x in centres]
    noise = np.random.default_rng(0).normal(0, 8, (CHUNK, CHUNK))
    tissue = gaussian_filter(60.0 + 120 * np.any(near, 0), 1.5) + noise
    array = zarr.create_array(
        str(tmp_path / "slide.zarr"),
        shape=(SIDE, SIDE),
        dtype="u1",
        chunks=(CHUNK, CHUNK),
        chunk_key_encoding={"name": "v2", "separator": "."},
    )
    array[:CHUNK, :CHUNK] = tissue.clip(0, 255).astype("u1")
    first = tmp_path / "slide.zarr" / "0.0"
    for row, col in np.ndindex(array.cdata_shape):
        if row or col:
            os.link(first, first.with_name(f"{row}.{col}"))
    return tmp_path / "slide.zarr", centres, radius


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss in other units")
def test_a_slide_of_several_gigabytes(tmp_path, slide):
    path, centres, radius = slide
    places = [(0, 0), (31, 17), (59, 59)]  # chunks
    found = [
        (row * CHUNK + y, col * CHUNK + x)
        for (row, col), (y, x) in zip(places, centres, strict=True)
    ]
    prompts = ["y0,x0,y1,x1,y,x"]
    prompts += [
        f"{y - radius},{x - radius},{y + radius},{x + radius},{y},{x}" for y, x in found
    ]
    Path(tmp_path / "prompts.csv").write_text("\n".join(prompts))
    command = ["segment", path, "--prompts", tmp_path / "prompts.csv"]
    command += ["-o", tmp_path / "labels.ome.zarr"]
    command += ["--cache", tmp_path / "cache", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout.rsplit("peak", 1)[1]) / 2**20
    assert peak < LIMIT_GB, f"{peak:.2f} GB"
    labels = open_image(tmp_path / "labels.ome.zarr")
    disc = np.hypot(*np.mgrid[-99:100, -99:100]) < radius
    for label_id, (y, x) in enumerate(found, 1):
        got = labels.read_plane(region=(y - 99, x - 99, y + 100, x + 100)) == label_id
        iou = (got[..., 0] & disc).sum() / (got[..., 0] | disc).sum()
        assert iou > 0.8, f"object {label_id}: IoU {iou:.2f}"
