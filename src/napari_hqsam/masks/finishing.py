"""Fill the holes of a mask and smooth its edge, as the user chose.

Knows arrays only. Specks and pinholes: see `cleaning`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its subpackages are imported on first use

from napari_hqsam.geometry.boxes import index_in, is_empty
from napari_hqsam.masks.algebra import tight_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.masks.mask import Mask

MAX_SMOOTHING = 9
"""Largest radius of smoothing, pixels."""


def finish(mask: Mask, *, fill: bool, smooth: int, size: tuple[int, int]) -> Mask:
    """Fill the holes of a mask and smooth its edge.

    Parameters
    ----------
    mask : Mask
    fill, smooth, size
        As for `finish_crop`.

    Returns
    -------
    Mask
        The mask itself if nothing changes, or nothing would be left.
    """
    if not mask.area or not (fill or smooth):
        return mask
    bbox, data = finish_crop(mask.bbox, mask.data, fill=fill, smooth=smooth, size=size)
    if bbox == mask.bbox and np.array_equal(data, mask.data):
        return mask
    return replace(mask, bbox=bbox, data=data)


def finish_crop(
    bbox: Box,
    data: NDArray[np.bool_],
    *,
    fill: bool,
    smooth: int,
    size: tuple[int, int],
) -> tuple[Box, NDArray[np.bool_]]:
    """Fill the holes of an object and smooth its edge.

    Smoothing is a Gaussian of standard deviation `smooth` / 2, thresholded at 0.5.

    Parameters
    ----------
    bbox, data
        (y0, x0, y1, x1) on the plane, half-open, and (h, w) bool.
    fill : bool
        Fill all holes.
    smooth : int
        Size of ripples to remove from the edge, pixels; 0 for none.
    size : (height, width)
        Size of the plane; no pixel goes beyond.

    Returns
    -------
    bbox, data
        Box and pixels of the finished object; unchanged if nothing would be left.
    """
    y0, x0, y1, x1 = bbox
    box = (
        max(y0 - smooth, 0),
        max(x0 - smooth, 0),
        min(y1 + smooth, size[0]),
        min(x1 + smooth, size[1]),
    )
    crop = np.pad(data, ((y0 - box[0], box[2] - y1), (x0 - box[1], box[3] - x1)))
    if fill:
        crop = scipy.ndimage.binary_fill_holes(crop)
    if smooth:
        # Beyond the plane its edge goes on: there is nothing to be rounded off.
        blurred = scipy.ndimage.gaussian_filter(crop.astype(np.float32), smooth / 2)
        crop = blurred > 0.5
    tight = tight_box(crop, box[:2])
    if is_empty(tight):
        return bbox, data
    return tight, crop[index_in(tight, box)]
