"""Contrast of an object to its surroundings, which tells where it ends in a stack.

SAM segments something wherever it is prompted, with scores as high after an object's
end as within it. The contrast between the mask and its surroundings tells the end
better than scores or embeddings (figures in ``docs/stacks.md``).
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
"""Surroundings of an object: the ring from `GAP` (exclusive) to `RING` (inclusive)
pixels around it, at the resolution of its logits."""


def contrast(
    source: TileSource, index: tuple[int, ...], logits: Logits
) -> NDArray[np.float32] | None:
    """Return the mean colour inside an object minus that of a ring around it.

    Read at the resolution of the logits, so that the cost does not grow with the
    object.

    Parameters
    ----------
    source : TileSource
        Gives the image and its normalisation.
    index : tuple of int
        Position of the slice.
    logits : Logits
        Logits of the object.

    Returns
    -------
    ndarray or None
        (3,) float32, differences of 8-bit RGB, -255..255; None if the object or the
        ring has no pixels.
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


def relative_contrast(
    now: NDArray[np.float32], reference: NDArray[np.float32]
) -> float:
    """Return contrast as a fraction of a reference contrast, 0..1.

    The scalar projection of `now` on `reference`, over the reference's length.

    Parameters
    ----------
    now, reference : ndarray
        (3,) from `contrast`.
    """
    length = float(reference @ reference)
    return float(np.clip(now @ reference / length, 0, 1)) if length else 1.0
