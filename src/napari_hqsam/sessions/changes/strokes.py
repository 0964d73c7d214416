"""Convert changes that others made to labels, such as napari's brush, to patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.geometry import Plane
from napari_hqsam.sessions.changes.patches import Patch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

_WINDOW = 1024  # the sides of the patches at most, pixels


@dataclass(frozen=True, eq=False)
class Stroke:
    """Pixels that were changed together.

    Attributes
    ----------
    indices : tuple of array_like
        One array of ints per dimension of the labels, as numpy indexes; no
        pixel twice.
    before, after : array_like
        The ids there, one for each pixel or one for all.
    """

    indices: tuple[ArrayLike, ...]
    before: ArrayLike
    after: ArrayLike


def stroke_patches(
    shape: Sequence[int], strokes: Sequence[Stroke]
) -> tuple[Patch, ...]:
    """Combine strokes into patches.

    Parameters
    ----------
    shape : sequence of int
        Shape of the labels.
    strokes : sequence of Stroke
        In order; a pixel may be in several.

    Returns
    -------
    tuple of Patch
        Changes from before the first stroke to after the last.

    Raises
    ------
    IndexError
        Pixels lie outside the labels.
    ValueError
        The arrays of a stroke have different lengths.
    """
    if not strokes:
        return ()
    flat, before, after = map(
        np.concatenate, zip(*(_flat(shape, s) for s in strokes), strict=True)
    )
    if not flat.size:
        return ()
    # the first stroke of a pixel has its id before, the last one its id after
    pixels, first = np.unique(flat, return_index=True)
    _, last = np.unique(flat[::-1], return_index=True)
    return tuple(_patches(shape, pixels, before[first], after[flat.size - 1 - last]))


def _flat(shape: Sequence[int], stroke: Stroke) -> tuple[NDArray[Any], ...]:
    """Return the flat indices of a stroke's pixels, and their ids before and after."""
    indices = np.broadcast_arrays(*map(np.asarray, stroke.indices))
    flat = np.ravel_multi_index([i.ravel() for i in indices], tuple(shape))
    return tuple(np.broadcast_arrays(flat, stroke.before, stroke.after))


def _patches(
    shape: Sequence[int],
    pixels: NDArray[np.intp],
    before: NDArray[Any],
    after: NDArray[Any],
) -> Iterator[Patch]:
    """Yield a patch for each window of each plane with any of the pixels."""
    *leading, y, x = np.unravel_index(pixels, tuple(shape))
    places = np.stack([*leading, y // _WINDOW, x // _WINDOW], 1)
    which, numbers = np.unique(places, axis=0, return_inverse=True)
    numbers = numbers.ravel()  # numpy 2.0.0 gives it a second axis
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers, minlength=len(which)))[:-1]
    for place, chosen in zip(which, np.split(order, ends), strict=True):
        rows, cols = y[chosen], x[chosen]
        corner = int(rows.min()), int(cols.min())
        size = int(np.ptp(rows)) + 1, int(np.ptp(cols)) + 1
        at = rows - corner[0], cols - corner[1]
        crops = np.zeros((2, *size), np.int64)
        crops[0][at], crops[1][at] = before[chosen], after[chosen]
        plane = Plane.of(shape, place[:-2].tolist())
        patch = Patch.between(plane, corner, crops[0], crops[1])
        if patch is not None:
            yield patch
