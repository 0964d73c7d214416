"""Coarser levels of labels: the nearest pixel of the level before, chunk by chunk."""

from __future__ import annotations

import itertools
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import zarr
    from numpy.typing import NDArray


def fill_levels(arrays: Sequence[zarr.Array[Any]]) -> None:
    """Fill all levels but the first from the one before; ids are never averaged.

    Parameters
    ----------
    arrays : sequence of zarr.Array
        From fine to coarse, each no larger than the one before along any axis.
    """
    full = arrays[0].shape
    for fine, coarse in pairwise(arrays):
        sources = [
            nearest(size, before, after)
            for size, before, after in zip(full, fine.shape, coarse.shape, strict=True)
        ]
        for window in _chunks(coarse):
            at = [source[part] for source, part in zip(sources, window, strict=True)]
            key = tuple(slice(int(i[0]), int(i[-1]) + 1) for i in at)
            block = np.asarray(fine[key])
            if block.any():
                coarse[window] = block[np.ix_(*(i - i[0] for i in at))]


def nearest(full: int, before: int, after: int) -> NDArray[np.int64]:
    """Return which pixels of a level are nearest to those of the next.

    Parameters
    ----------
    full : int
        Length at full resolution, in whose pixels distances are measured.
    before, after : int
        Lengths of the level and of the next.

    Returns
    -------
    ndarray
        (after,) indices into the level.
    """

    def places(size: int) -> NDArray[np.int64]:
        centres = ((np.arange(size) + 0.5) * full / size).astype(np.int64)
        return np.minimum(centres, full - 1)

    there, wanted = places(before), places(after)
    right = np.clip(np.searchsorted(there, wanted), 0, before - 1)
    left = np.maximum(right - 1, 0)
    closer = np.abs(there[left] - wanted) <= np.abs(there[right] - wanted)
    found: NDArray[np.int64] = np.where(closer, left, right)
    return found


def _chunks(array: zarr.Array[Any]) -> Iterator[tuple[slice, ...]]:
    """Yield the chunks of an array as slices."""
    cuts = [
        [slice(at, min(at + step, size)) for at in range(0, size, step)]
        for size, step in zip(array.shape, array.chunks, strict=True)
    ]
    yield from itertools.product(*cuts)
