"""Outlines of masks: closed polygons around them and around their holes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def outlines(
    corner: Sequence[int], data: NDArray[np.bool_]
) -> list[NDArray[np.float64]]:
    """Trace a mask and its holes as closed polygons (marching squares).

    Parameters
    ----------
    corner : (y, x, ...)
        Plane position of the mask's first pixel.
    data : (h, w) bool array
    """
    from skimage.measure import find_contours

    padded = np.pad(data, 1).astype(np.float32)
    first = np.array(corner[:2]) - 1
    lines = [line + first for line in find_contours(padded, 0.5)]
    return [_without_straight(line) for line in lines]


def _without_straight(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Drop vertices on straight segments."""
    steps = np.diff(line, axis=0)
    turns = (steps[1:] != steps[:-1]).any(1)
    kept: NDArray[np.float64] = line[np.concatenate([[True], turns, [True]])]
    return kept
