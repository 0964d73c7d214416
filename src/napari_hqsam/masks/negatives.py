"""Remove the parts of a mask that negative clicks lie on.

The network does not always respect negative clicks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from napari_hqsam.masks.algebra import deepest_pixel

if TYPE_CHECKING:
    from numpy.typing import NDArray

DISC_SHARE = 0.03
"""Radius of the disc that is always removed, as a fraction of the square root of the
area."""
MAX_PIXELS = 1 << 24
"""Largest crop for the watershed, pixels; of larger ones only the disc is removed."""


def cut_negatives(
    mask: NDArray[np.bool_],
    positive: NDArray[np.float64],
    negative: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Cut the parts of a mask that belong to negative clicks rather than positive ones.

    A watershed of the distance transform with the clicks as seeds (Meyer's flooding,
    `skimage.segmentation.watershed`): touching objects are separated at their neck; a
    convex object only loses a piece at its edge.

    Parameters
    ----------
    mask : (h, w) bool array
    positive, negative : (n, 2) array
        Clicks (y, x) in pixels of the mask; all lie on the array.

    Returns
    -------
    (h, w) bool array
        The mask itself if no negative click lies on it, or nothing would be left.
    """
    out = _on(mask, negative)
    if not len(out):
        return mask
    seeds = np.zeros(mask.shape, np.int32)
    radius = max(1.5, DISC_SHARE * float(np.sqrt(np.count_nonzero(mask))))
    for row, column in out:
        y0, x0 = max(int(row - radius), 0), max(int(column - radius), 0)
        window = seeds[y0 : int(row + radius) + 2, x0 : int(column + radius) + 2]
        rows, columns = np.ogrid[: window.shape[0], : window.shape[1]]
        window[np.hypot(rows + y0 - row, columns + x0 - column) <= radius] = 2
    kept = _on(mask, positive)
    if not len(kept):  # of a box, say
        rest = mask & (seeds == 0)
        if not rest.any():
            return mask
        kept = np.array([deepest_pixel(rest)[0]])
    seeds[tuple(kept.T)] = 1
    for row, column in out:
        seeds[row, column] = 2
    if mask.size > MAX_PIXELS:
        return np.asarray(mask & (seeds != 2))
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    basins = watershed(-depth, seeds, mask=mask)
    cut = np.asarray(basins == 1)
    return cut if cut.any() else mask


def _on(mask: NDArray[np.bool_], clicks: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the pixels (n, 2) of the clicks that lie on a mask."""
    pixels = np.floor(clicks.reshape(-1, 2) + 0.5).astype(np.intp)
    return np.asarray(pixels[mask[tuple(pixels.T)]])
