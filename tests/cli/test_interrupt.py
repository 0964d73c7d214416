"""Ctrl-C, as the terminal sends it, to the real command with the bundled model."""

from __future__ import annotations

import signal
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow

SLICES, SIDE = 400, 64


@pytest.fixture
def stack(tmp_path):
    """A bright disc on far more slices than are looked at before ctrl-C."""
    yy, xx = np.mgrid[:SIDE, :SIDE]
    disc = np.where(np.hypot(yy - 30, xx - 30) < 12, 200, 40).astype("u1")
    np.save(tmp_path / "stack.npy", np.broadcast_to(disc, (SLICES, SIDE, SIDE)))
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
@pytest.mark.parametrize(
    ("command", "prompt", "begun", "kept", "says"),
    [
        (
            ("propagate", "--spacing", "1"),
            "object,z,y0,x0,y1,x1\n1,200,18,18,42,42\n",
            ".labels.tif.*.partial/tiles",
            [],
            "labels.tif is as it was before",
        ),
        (
            ("batch",),
            "y0,x0,y1,x1\n18,18,42,42\n",
            "labels.tif.batch/*",
            ["labels.tif.batch"],
            "run the same batch again to resume",
        ),
    ],
)
def test_ctrl_c_leaves_nothing_half_written(
    stop_command, stack, command, prompt, begun, kept, says
):
    (stack / "p.csv").write_text(prompt)
    before = {path.name for path in stack.iterdir()}
    said = f"{' '.join(command)} stack.npy p.csv --axes zyx -o labels.tif --cache none"
    code, err = stop_command(stack, said, begun, signal.SIGINT, after=0.5)
    assert code == 130, err
    assert err.count("\n") == 1, err
    assert says in err
    assert sorted({path.name for path in stack.iterdir()} - before) == kept
