"""Sessions on small labels, with masks that no network made."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_hqsam.sessions import ArrayTarget, ImageRecord, ModelRecord, Session

IMAGE = ImageRecord("cells.tif", "zyx", (3, 12, 14), "ab" * 32)
SETUP = ModelRecord("micro", "cd" * 32, (0, 0, 0), ((3.0, 250.5),), "ef" * 32)


@pytest.fixture
def mask():
    """Make a mask of a bool crop at a corner, as a segmenter gives it."""

    def make(y, x, data, score=0.9):
        data = np.array(data, bool)
        rows, cols = np.flatnonzero(data.any(1)), np.flatnonzero(data.any(0))
        if not rows.size:
            bbox, data = (0, 0, 0, 0), np.zeros((0, 0), bool)
        else:
            data = data[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
            y0, x0 = int(y + rows[0]), int(x + cols[0])
            bbox = (y0, x0, y0 + data.shape[0], x0 + data.shape[1])
        return SimpleNamespace(
            bbox=bbox,
            data=data,
            score=score,
            stability=0.8,
            level=0,
            complete=True,
            area=int(data.sum()),
        )

    return make


@pytest.fixture
def square(mask):
    """Make a square mask of ones."""
    return lambda y, x, side=3, score=0.9: mask(y, x, np.ones((side, side)), score)


@pytest.fixture
def begin(tmp_path):
    """Begin a session; all are closed in the end."""
    sessions = []

    def make(array=None, name="a", **given):
        array = np.zeros((12, 14), np.uint16) if array is None else array
        given = {"image": IMAGE, "setup": SETUP} | given
        path = tmp_path / f"{name}.tif.journal.jsonl"
        sessions.append(Session.create(path, ArrayTarget(array), **given))
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()
