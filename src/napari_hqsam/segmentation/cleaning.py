"""Specks and pinholes: what a mask of one object should not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPECK_SHARE = 0.1
"""A part smaller than this share of the largest part is a speck."""
PINHOLE_SHARE = 0.01
"""A hole smaller than this share of the mask is a pinhole."""
MIN_PIXELS = 8
"""Parts and holes below this are specks and pinholes, however small the mask."""


def clean_mask(
    mask: NDArray[np.bool_],
    clicks: NDArray[np.float64] | None = None,
    *,
    only_clicked: bool = False,
) -> NDArray[np.bool_]:
    """Drop specks and fill pinholes.

    A part that holds a positive click stays, whatever its size; without one, so
    does the largest. Real holes (rings, lumina) stay.

    Parameters
    ----------
    mask : ndarray
        (h, w) bool.
    clicks : ndarray, optional
        (n, 2) positive clicks, (y, x) in the mask's own pixels.
    only_clicked : bool
        Drop all parts without a click, where any part has one.

    Returns
    -------
    ndarray
        A new (h, w) bool array.
    """
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    if not count:
        return mask.copy()
    areas = _areas(parts, count)
    areas[0] = 0
    keep = areas >= max(SPECK_SHARE * areas.max(), min(MIN_PIXELS, areas.max()))
    if clicks is not None and len(clicks):
        inside = np.clip(np.rint(clicks).astype(int), 0, np.array(mask.shape) - 1)
        clicked = parts[inside[:, 0], inside[:, 1]]
        if only_clicked and clicked.any():
            keep[:] = False
        keep[clicked] = True
    keep[0] = False
    cleaned: NDArray[np.bool_] = keep[parts]
    del parts  # a mask may be large
    holes, count = ndimage.label(~cleaned)
    sizes = _areas(holes, count)
    small = sizes < max(MIN_PIXELS, PINHOLE_SHARE * np.count_nonzero(cleaned))
    border = np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]])
    small[border] = False  # open to the outside: no hole
    small[0] = False
    cleaned |= small[holes]
    return cleaned


def _areas(labels: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Pixels of each label from 0 to count; `bincount` of all would double memory."""
    areas = np.zeros(count + 1, np.int64)
    rows = max(1, (1 << 22) // max(1, labels.shape[1]))
    for top in range(0, len(labels), rows):
        areas += np.bincount(labels[top : top + rows].ravel(), minlength=count + 1)
    return areas
