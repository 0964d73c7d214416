"""Whether what a mask holds still looks like the object, in the image itself.

SAM always finds something where it is told to look, and is as sure of it where an
object has ended as within: neither its scores nor its embedding tell as well as
the plain contrast of the pixels does (figures in ``docs/stacks.md``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_hqsam.images import read_rgb8

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.embeddings import TileSource
    from napari_hqsam.masks import Logits

GAP, RING = 1, 3
"""An object is compared with what lies so many pixels from it, exclusive and
inclusive; pixels about as large as the values of its logits."""


def contrast(
    source: TileSource, index: tuple[int, ...], logits: Logits
) -> NDArray[np.float32] | None:
    """Mean colour within an object less that around it.

    Read at the resolution of the logits, so that the work does not grow with the
    object.

    Parameters
    ----------
    source : TileSource
        Whose image, normalised.
    index : tuple of int
        The slice.
    logits : Logits
        The object's map.

    Returns
    -------
    ndarray or None
        (3,) float32, 0..255; None if there is nothing within, or nothing around.
    """
    level = max(0, round(math.log2(logits.pitch)))
    rows, cols = (np.flatnonzero((logits.values > 0).any(axis)) for axis in (1, 0))
    if not len(rows):
        return None
    step = 1 << level
    spans = []
    for on, start, side in zip(
        (rows, cols), logits.offset, source.image.plane_shape, strict=True
    ):
        first = math.floor(start + on[0] * logits.pitch) // step - RING - 1
        stop = -(-math.ceil(start + (on[-1] + 1) * logits.pitch) // step) + RING + 1
        spans.append((max(first, 0), min(stop, -(-side // step))))
    (y0, y1), (x0, x1) = spans
    if y1 <= y0 or x1 <= x0:
        return None
    region = y0 * step, x0 * step, y1 * step, x1 * step
    pixels = read_rgb8(source.image, source.normalization, index, region, level)
    shape = y1 - y0, x1 - x0
    inside = logits.on_grid((region[0], region[1]), float(step), shape) > 0
    around = ndimage.binary_dilation(inside, iterations=RING)
    around &= ~ndimage.binary_dilation(inside, iterations=GAP)
    if not inside.any() or not around.any():
        return None
    difference = pixels[inside].mean(0) - pixels[around].mean(0)
    return np.asarray(difference, np.float32)


def likeness(now: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """How much of the reference's contrast is still there, 0..1.

    Parameters
    ----------
    now, reference : ndarray
        From `contrast`.
    """
    length = float(reference @ reference)
    return float(np.clip(now @ reference / length, 0, 1)) if length else 1.0
