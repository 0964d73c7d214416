"""Find which reduced copies of an image are levels of its pyramid.

Pure: sees shapes, data types and declared pixel sizes, never pixels or files.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_hqsam.images.source import LazyArray, Reduced


def pyramid_levels(
    array: LazyArray, axes: str, reduced: Iterable[Reduced]
) -> dict[int, LazyArray]:
    """Assign levels to the copies that show the image at 1/2^k of its resolution.

    A pixel of level k covers 2^k pixels of the image along y and along x, so
    the level has h / 2^k rows, rounded down or up as its writer liked, and as
    many columns of w; its other axes and its data type are those of the image.
    Any other copy (reduced 3-fold, along y alone, or along z as well) cannot
    stand for the image at a level and is left out without a word.

    Parameters
    ----------
    array : LazyArray
        The image at full resolution.
    axes : str
        Axes letters of the image and of every copy.
    reduced : iterable of Reduced
        Copies at lower resolution, in any order.

    Returns
    -------
    dict of int to LazyArray
        Copy by level, from fine to coarse; of two for one level the first.
    """
    found: dict[int, LazyArray] = {}
    for copy in reduced:
        level = _level_of(copy, array, axes)
        if level is not None:
            found.setdefault(level, copy.array)
    return dict(sorted(found.items()))


def _level_of(copy: Reduced, array: LazyArray, axes: str) -> int | None:
    """Return the pyramid level of a copy; None if it is not exactly a level."""
    shape, small = tuple(array.shape), tuple(copy.array.shape)
    if len(small) != len(shape) or _native(copy.array) != _native(array):
        return None
    planar = [axes.index("y"), axes.index("x")]
    if any(small[i] != shape[i] for i in range(len(shape)) if i not in planar):
        return None
    if min(small[i] for i in planar) < 1:
        return None
    if copy.factors is None:
        # The longer side is rounded least; a side of 1 pixel tells nothing.
        factors = [max(shape[i] for i in planar) / max(small[i] for i in planar)]
    else:
        factors = [copy.factors[i] for i in planar]
    levels = {round(math.log2(factor)) for factor in factors}
    level = levels.pop()
    if level < 1 or levels:
        return None
    fits = all(shape[i] >> level <= small[i] <= -(-shape[i] >> level) for i in planar)
    return level if fits else None


def _native(array: LazyArray) -> np.dtype:
    """Return the data type without its byte order."""
    dtype: np.dtype = np.dtype(array.dtype).newbyteorder("=")
    return dtype
