"""Compare the old and the new outline of an object, with each other and the image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_hqsam.geometry.boxes import shape_of
from napari_hqsam.images import read_rgb8
from napari_hqsam.masks.algebra import crop_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.embeddings import TileSource
    from napari_hqsam.geometry import Box
    from napari_hqsam.masks.mask import Mask

SIDE = 1024
"""Longest side of the window in which outlines are compared, pixels; larger objects are
compared at a coarser level."""
MARGIN = 4
"""Pixels around the outlines that are read with them."""
SIGMA = 1.0
"""Standard deviation of the Gaussian derivative, pixels."""
FAR = 1e3
"""Signed distance, pixels, where a window shows no outline."""
LEAST = 1e-3
"""Least contrast that others are divided by, grey levels."""


@dataclass(frozen=True)
class OutlineChange:
    """How the outline of an object has changed.

    Attributes
    ----------
    distance : float
        Mean distance between the two outlines, plane pixels: the mean absolute
        difference of the signed distances to them, along both.
    edges : float
        Contrast across the new outline over that across the old one. The contrast is
        the norm of the mean, along the outline, of the derivative of the colour along
        the outline's normal: edges of opposite sign, as of texture, cancel out.
    """

    distance: float
    edges: float


def compare_outlines(
    source: TileSource, index: tuple[int, ...], old: Mask, new: Mask
) -> OutlineChange:
    """Compare the outlines of two masks of an object.

    Parameters
    ----------
    source : TileSource
        Gives the image as the network sees it.
    index : tuple of int
        Position of the plane.
    old, new : Mask
        Not empty.
    """
    shape = source.image.plane_shape
    box, level = _window(old, new, shape)
    step = 1 << level
    pixels = read_rgb8(source.image, source.normalization, index, box, level)
    distances = [
        _signed_distance(
            crop_of(mask.bbox, mask.data, box)[step // 2 :: step, step // 2 :: step]
        )
        for mask in (old, new)
    ]
    before, after = (_contrast(pixels, distance) for distance in distances)
    return OutlineChange(step * _between(*distances), after / max(before, LEAST))


def _window(old: Mask, new: Mask, shape: tuple[int, int]) -> tuple[Box, int]:
    """Return a box around two masks on a plane, and the level to read it at."""
    boxes = np.array([old.bbox, new.bbox])
    y0, x0 = boxes[:, :2].min(0).tolist()
    y1, x1 = boxes[:, 2:].max(0).tolist()
    longest = max(shape_of((y0, x0, y1, x1)))
    level = max(0, math.ceil(math.log2(longest / SIDE)))
    step = 1 << level
    around = MARGIN * step
    top, left = (max(v - around, 0) // step * step for v in (y0, x0))
    bottom, right = (
        -(-min(v + around, side) // step) * step
        for v, side in zip((y1, x1), shape, strict=True)
    )
    return (top, left, bottom, right), level


def _signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distance of each pixel centre to the border of a mask, inside > 0.

    The border of the window is none: the object may continue beyond the plane.
    """
    if mask.all() or not mask.any():
        return np.where(mask, FAR, -FAR)
    inside = ndimage.distance_transform_edt(mask) - 0.5
    outside = ndimage.distance_transform_edt(~mask) - 0.5
    return np.asarray(np.where(mask, inside, -outside))


def _outline(distance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the pixels on either side of the border."""
    return np.abs(distance) <= 1


def _contrast(rgb: NDArray[np.uint8], distance: NDArray[np.float64]) -> float:
    """Return the contrast of a picture (h, w, 3) across an outline."""
    outline = _outline(distance)
    if not outline.any():
        return 0.0
    values = rgb.astype(np.float32)
    normals = [_derivative(distance, axis)[outline] for axis in (0, 1)]
    length = np.maximum(np.hypot(*normals), LEAST)
    slopes = sum(
        _derivative(values, axis)[outline] * (normals[axis] / length)[:, None]
        for axis in (0, 1)
    )
    return float(np.linalg.norm(np.mean(slopes, axis=0)))


def _derivative(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return the Gaussian derivative of (h, w) or (h, w, c) along y or x."""
    sigmas, order = [SIGMA, SIGMA, 0][: values.ndim], [0] * values.ndim
    order[axis] = 1
    return np.asarray(ndimage.gaussian_filter(values, sigmas, order))


def _between(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the mean distance between two outlines; 0 if there is one only."""
    first, second = _outline(a), _outline(b)
    if not (first.any() and second.any()):
        return 0.0
    apart = np.abs(a - b)
    return float(apart[first].mean() + apart[second].mean()) / 2
