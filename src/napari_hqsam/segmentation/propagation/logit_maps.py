"""Cut, filter, blend and threshold the logits of whole objects."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_hqsam.masks import Logits
from napari_hqsam.masks.algebra import tight_box
from napari_hqsam.segmentation.plane.components import EIGHT_CONNECTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.segmentation.plane.logit_canvas import LogitCanvas

MARGIN = 8
"""Canvas pixels around an object that are stored with it."""
SURE = 8.0
"""Logits are clipped to this before blending, so that the weights by distance decide
where one direction is very confident."""
_BAND = 1 << 22  # pixels computed at once


def from_canvas(canvas: LogitCanvas) -> Logits | None:
    """Cut the logits of an object out of a canvas; None if the mask is empty."""
    r0, c0, r1, c1 = canvas.bounds()
    if r1 <= r0:
        return None
    rows, cols = (-(-side // 4) for side in canvas.grid.level_shape(canvas.level))
    rect = (
        max(r0 - MARGIN, 0),
        max(c0 - MARGIN, 0),
        min(r1 + MARGIN, rows),
        min(c1 + MARGIN, cols),
    )
    corner = rect[0] * canvas.pitch, rect[1] * canvas.pitch
    return Logits(canvas.read(rect).astype(np.float16), corner, canvas.pitch)


def drop_unconnected(logits: Logits, before: Mask, reach: float) -> Logits:
    """Drop components of an object that do not meet its mask on the last slice.

    Their logits change sign. Nothing is dropped if no component meets it.

    Parameters
    ----------
    logits : Logits
    before : Mask
        The last mask of the object.
    reach : float
        Largest distance from it, pixels.
    """
    parts, count = ndimage.label(logits.values > 0, EIGHT_CONNECTED)
    if count < 2:
        return logits
    rows, cols = np.nonzero(parts)
    pitch = logits.pitch
    by = math.ceil(reach + pitch / 2)
    y0, x0 = before.bbox[:2]
    wide = np.pad(before.data, by)
    near = ndimage.distance_transform_edt(~wide) <= reach + pitch / 2
    ys = np.floor(logits.offset[0] + (rows + 0.5) * pitch).astype(int) - (y0 - by)
    xs = np.floor(logits.offset[1] + (cols + 0.5) * pitch).astype(int) - (x0 - by)
    inside = (ys >= 0) & (xs >= 0) & (ys < near.shape[0]) & (xs < near.shape[1])
    met = np.zeros(count + 1, bool)
    kept = inside.copy()
    kept[inside] = near[ys[inside], xs[inside]]
    met[parts[rows[kept], cols[kept]]] = True
    if not met.any():
        return logits
    met[0] = True
    values = np.where(met[parts], logits.values, -logits.values)
    return Logits(values, logits.offset, pitch)


def blend(first: Logits, second: Logits, weight: float) -> Logits:
    """Interpolate linearly between two logit maps, on the finer of their grids.

    Parameters
    ----------
    first, second : Logits
    weight : float
        Weight of the second, 0..1.
    """
    pitch = min(first.pitch, second.pitch)
    start = [
        math.floor(min(a, b) / pitch) * pitch
        for a, b in zip(first.offset, second.offset, strict=True)
    ]
    ends = [
        max(a + n * first.pitch, b + m * second.pitch)
        for a, n, b, m in zip(
            first.offset,
            first.values.shape,
            second.offset,
            second.values.shape,
            strict=True,
        )
    ]
    rows, cols = (
        math.ceil((end - s) / pitch) for s, end in zip(start, ends, strict=True)
    )
    one, other = (
        np.clip(each.on_grid((start[0], start[1]), pitch, (rows, cols)), -SURE, SURE)
        for each in (first, second)
    )
    values = (1 - weight) * one + weight * other
    return Logits(values.astype(np.float16), (start[0], start[1]), pitch)


def to_pixels(
    logits: Logits, plane_shape: tuple[int, int]
) -> tuple[tuple[int, int], NDArray[np.bool_]]:
    """Upsample logits bilinearly to plane pixels, and threshold them at 0.

    Returns
    -------
    offset : (y, x)
        Plane position of the first pixel.
    mask : (h, w) bool array
        The object with a small margin.
    """
    r0, c0, r1, c1 = tight_box(logits.values > 0)
    if r1 <= r0:
        return (0, 0), np.zeros((0, 0), bool)
    edges = (r0 - 1, r1 + 1), (c0 - 1, c1 + 1)  # bilinear reaches half a value further
    (y0, y1), (x0, x1) = (
        (
            min(max(math.floor(start + a * logits.pitch), 0), side),
            min(max(math.ceil(start + b * logits.pitch), 0), side),
        )
        for start, (a, b), side in zip(logits.offset, edges, plane_shape, strict=True)
    )
    mask = np.zeros((y1 - y0, x1 - x0), bool)
    band = max(1, _BAND // max(1, x1 - x0))
    for top in range(y0, y1, band):
        bottom = min(top + band, y1)
        mask[top - y0 : bottom - y0] = sample(logits, (top, x0, bottom, x1)) > 0
    return (y0, x0), mask


def sample(logits: Logits, box: Box) -> NDArray[np.float32]:
    """Interpolate logits at the pixels of a half-open box (y0, x0, y1, x1)."""
    y0, x0, y1, x1 = box
    return logits.on_grid((y0, x0), 1.0, (y1 - y0, x1 - x0))


def stability(logits: Logits, offset: float = 1.0) -> float:
    """Return SAM's stability score: IoU of the masks at `offset` and -`offset`."""
    inner = np.count_nonzero(logits.values > offset)
    outer = np.count_nonzero(logits.values > -offset)
    return inner / outer if outer else 1.0
