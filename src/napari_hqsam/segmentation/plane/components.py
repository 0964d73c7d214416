"""Connected components of a mask: which are prompted, where they leave their tile."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_hqsam.masks.cleaning import SPECK_SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.prompts import Prompt

EIGHT_CONNECTED = np.ones((3, 3), bool)
"""Structuring element: pixels that touch at a corner are connected."""
REACH = 1
"""Pixels from a side of a tile within which a mask touches it."""


def prompted_components(
    mask: NDArray[np.bool_], prompt: Prompt, corner: tuple[int, int], pitch: float
) -> NDArray[np.bool_]:
    """Keep the components of a mask with a positive click, or that meet the box.

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
        (h, w) bool; the whole mask if the prompt hits none of its components.
    """
    labels, _ = ndimage.label(mask, EIGHT_CONNECTED)
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


def obeyed_fraction(
    mask: NDArray[np.bool_], prompt: Prompt, corner: tuple[int, int], pitch: float
) -> float:
    """Return the fraction of clicks that a mask obeys; 1 without clicks.

    A positive click is to lie on the mask, a negative one is not. Parameters as for
    `prompted_components`.
    """
    obeyed = 0
    for point, on in zip(prompt.points, prompt.point_labels, strict=True):
        row, col = (
            math.floor((v + 0.5) / pitch) - c
            for v, c in zip(point, corner, strict=True)
        )
        inside = 0 <= row < mask.shape[0] and 0 <= col < mask.shape[1]
        obeyed += bool(inside and mask[row, col]) == bool(on)
    return obeyed / len(prompt.points) if prompt.points else 1.0


def component_at(mask: NDArray[np.bool_], row: int, col: int) -> NDArray[np.bool_]:
    """Keep the component of a mask that one of its pixels belongs to."""
    labels, _ = ndimage.label(mask, EIGHT_CONNECTED)
    return np.asarray(mask & (labels == labels[row, col]))


def components_touching(
    mask: NDArray[np.bool_], part: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Keep the components of a mask that share a pixel with another mask."""
    labels, _ = ndimage.label(mask, EIGHT_CONNECTED)
    shared = np.unique(labels[part])
    return np.isin(labels, shared[shared > 0])


def large_components(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return the components of a mask without specks, the deepest first."""
    labels, count = ndimage.label(mask, EIGHT_CONNECTED)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    kept = np.flatnonzero(areas >= max(SPECK_SHARE * areas.max(), 1))
    return sorted((labels == k for k in kept), key=lambda p: -float(depth(p).max()))


def depth(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the Euclidean distance transform; beyond the array is background."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1])


def exits(
    part: NDArray[np.bool_], open_sides: Sequence[bool]
) -> Iterator[tuple[float, float]]:
    """Yield (row, col) where an object leaves its tile: the middle of each crossing.

    Parameters
    ----------
    part : ndarray
        (h, w) bool, of the tile's size.
    open_sides : sequence of bool
        Where the plane goes on: top, left, bottom, right.
    """
    h, w = part.shape
    lines = part[:REACH], part[:, :REACH], part[-REACH:], part[:, -REACH:]
    for side, (goes_on, strip) in enumerate(zip(open_sides, lines, strict=True)):
        if goes_on:
            for a, b in runs(np.asarray(strip.any(side % 2))):
                along = (a + b) / 2
                across = 0 if side < 2 else (h, w)[side % 2]
                yield (across, along) if side % 2 == 0 else (along, across)


def covered_fraction(mask: NDArray[np.bool_], part: NDArray[np.bool_]) -> float:
    """Return the fraction of a part's pixels that a mask covers."""
    return int(np.count_nonzero(mask & part)) / max(int(np.count_nonzero(part)), 1)


def runs(line: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of the runs of True in a line."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
