"""SIGTERM and ctrl-C, sent to the real commands while they work."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest
import zarr

from napari_hqsam.labels import labels_on_disk

SIDE = 2048
OLD = b"what was there before"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="POSIX signals"),
]


@pytest.fixture
def folder(tmp_path):
    """An image of noise, far more boxes than are segmented, and a file of before."""
    noise = np.random.default_rng(0).integers(0, 250, (SIDE, SIDE), "u1")
    zarr.create_array(str(tmp_path / "noise.zarr"), data=noise, chunks=(256, 256))
    corners = [
        (y, x) for y in range(50, SIDE - 50, 40) for x in range(50, SIDE - 50, 40)
    ]
    rows = [f"{y},{x},{y + 30},{x + 30}" for y, x in corners]
    (tmp_path / "p.csv").write_text("\n".join(["y0,x0,y1,x1", *rows]))
    (tmp_path / "labels.tif").write_bytes(OLD)
    return tmp_path


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ((signal.SIGTERM, signal.SIGTERM), 143),  # two, as `timeout` sends them
        ((signal.SIGINT,), 130),
    ],
)
def test_segment_stops_and_leaves_what_was_there(stop_command, folder, signals, code):
    before = sorted(path.name for path in folder.iterdir())
    found, err = stop_command(
        folder,
        "segment noise.zarr --prompts p.csv -o labels.tif --cache none --level 0 "
        "--overwrite",
        ".labels.tif.*.partial/tiles/*",
        *signals,
        after=0.3,
    )
    assert found == code, err
    assert err == "napari-hqsam: interrupted; labels.tif is as it was before\n"
    assert (folder / "labels.tif").read_bytes() == OLD
    assert sorted(path.name for path in folder.iterdir()) == before


def test_embed_stops_and_says_how_to_go_on(stop_command, folder):
    found, err = stop_command(
        folder,
        "embed noise.zarr --cache stores --level 0",
        "stores/*.zarr/level/0/record/c.*",
        signal.SIGTERM,
        after=0.3,
    )
    assert found == 143, err
    assert err.count("\n") == 1
    assert "run it again to resume" in err
    assert not list(folder.rglob("*.partial"))


@pytest.fixture
def alarm():
    """Ctrl-C after so many seconds."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_what_zarr_still_writes_when_it_is_stopped_does_not_stay(tmp_path, alarm, name):
    noise = np.random.default_rng(0).integers(0, 60_000, (4096, 4096), "u2")

    def paint_for_ever():
        with labels_on_disk(tmp_path / name, noise.shape, dtype="u2") as labels:
            alarm(0.2)
            while True:
                labels[...] = noise

    with pytest.raises(KeyboardInterrupt):
        paint_for_ever()
    time.sleep(0.5)
    assert not list(tmp_path.iterdir())
