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
"""Least length of a normal that others are divided by."""
NOISE = 1.0
"""Deviation of the contrast that is always assumed, grey levels per pixel."""
NO_EDGE = 0.02
"""Consistency that an old outline without any edge is given, for the gain."""
CORE = 3.0
"""Depth in an object, pixels, from which its pixels are its core; less in thin ones."""


@dataclass(frozen=True)
class OutlineChange:
    """How the outline of an object has changed.

    Attributes
    ----------
    distance : float
        Mean distance between the two outlines, plane pixels: the mean absolute
        difference of the signed distances to them, along both.
    core : float
        Share of the old shape's core that the new shape covers. The core is deeper than
        `CORE` pixels, or than half of the greatest depth.
    consistency : float
        How clearly the new outline follows an edge of the image: mean over deviation,
        along the outline, of the derivative of the colour along its normal. Edges of
        texture have either sign; those of halos and neighbours vary.
    gain : float
        That consistency over the one of the old outline.
    """

    distance: float
    core: float
    consistency: float
    gain: float


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
    before, after = (_consistency(pixels, distance) for distance in distances)
    return OutlineChange(
        distance=step * _between(*distances),
        core=_core_covered(distances[0], distances[1], CORE / step),
        consistency=after,
        gain=after / (before + NO_EDGE),
    )


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


def _consistency(rgb: NDArray[np.uint8], distance: NDArray[np.float64]) -> float:
    """Return the consistency of the edge of a picture (h, w, 3) along an outline."""
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
    mean = np.mean(slopes, axis=0)
    deviation = np.sqrt(np.mean((slopes - mean) ** 2))
    return float(np.sqrt(np.mean(mean**2)) / (deviation + NOISE))


def _core_covered(
    old: NDArray[np.float64], new: NDArray[np.float64], depth: float
) -> float:
    """Return the share of an old shape's core that the new shape covers."""
    core = old > min(depth, old.max() / 2)
    return float(np.mean(new[core] > 0))


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
