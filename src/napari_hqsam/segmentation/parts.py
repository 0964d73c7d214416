"""Which part of a mask a prompt means."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_hqsam.prompts import Prompt

EIGHT = np.ones((3, 3), bool)
"""Pixels that touch at a corner are connected."""


def pointed_at(
    mask: NDArray[np.bool_], prompt: Prompt, corner: tuple[int, int], pitch: float
) -> NDArray[np.bool_]:
    """Keep the parts of a mask that hold a positive click or lie in the box.

    Parameters
    ----------
    mask : ndarray
        (h, w) bool, canvas pixels.
    prompt : Prompt
        Plane coordinates.
    corner : (row, col)
        Canvas position of the mask's first pixel.
    pitch : float
        Plane pixels per canvas pixel.

    Returns
    -------
    ndarray
        (h, w) bool; the mask itself if the prompt points at nothing of it.
    """
    labels, _ = ndimage.label(mask, EIGHT)
    wanted: set[int] = set()
    for point, on in zip(prompt.points, prompt.point_labels, strict=True):
        if on:
            row, col = (
                math.floor((v + 0.5) / pitch) - c
                for v, c in zip(point, corner, strict=True)
            )
            if 0 <= row < mask.shape[0] and 0 <= col < mask.shape[1]:
                wanted.add(int(labels[row, col]))
    if prompt.box is not None:
        r0, c0, r1, c1 = (
            (v + 0.5) / pitch - c for v, c in zip(prompt.box, corner * 2, strict=True)
        )
        inside = labels[
            max(math.floor(r0), 0) : max(math.ceil(r1), 0),
            max(math.floor(c0), 0) : max(math.ceil(c1), 0),
        ]
        wanted.update(np.unique(inside).tolist())
    wanted.discard(0)
    return np.isin(labels, sorted(wanted)) if wanted else mask


def runs(line: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of the runs of True in a line."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
