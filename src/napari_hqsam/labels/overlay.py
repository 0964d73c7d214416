"""A picture of an image with the outlines of its labels, for a first look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts come when first used
from PIL import Image as Pillow
from PIL import ImageDraw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

COLORS = (
    (255, 99, 71), (64, 224, 208), (255, 215, 0), (186, 85, 211), (124, 252, 0),
    (30, 144, 255), (255, 140, 0), (255, 105, 180), (173, 216, 230), (154, 205, 50),
)  # fmt: skip
FILL = 0.25
MIN_SIDE = 1000
"""Small images are magnified by a whole number to about this side."""
_BAND = 256  # rows drawn at a time: their floats take many times the picture's bytes


def draw_overlay(
    rgb: NDArray[np.uint8],
    labels: NDArray[np.integer],
    points: Sequence[tuple[float, float]] = (),
    point_labels: Sequence[int] = (),
    boxes: Sequence[tuple[float, float, float, float]] = (),
) -> Pillow.Image:
    """Draw labels (outline and a light fill) and prompts over an image.

    Parameters
    ----------
    rgb : ndarray
        (h, w, 3) uint8.
    labels : ndarray
        (h, w) integers, 0 background.
    points, point_labels : sequences
        (y, x) clicks: positive ones are green, negative ones red.
    boxes : sequence
        (y0, x0, y1, x1), drawn in white.

    Returns
    -------
    PIL.Image.Image
        RGB, magnified where the image is small.
    """
    zoom = max(1, round(MIN_SIDE / max(rgb.shape[:2])))
    big = rgb.repeat(zoom, 0).repeat(zoom, 1)
    ids = labels.repeat(zoom, 0).repeat(zoom, 1)
    for start in range(0, len(big), _BAND):
        _colour(big, ids, slice(start, start + _BAND))
    picture = Pillow.fromarray(big)
    draw = ImageDraw.Draw(picture)
    for y0, x0, y1, x1 in boxes:
        corners = [(c + 0.5) * zoom for c in (x0, y0, x1, y1)]
        draw.rectangle(corners, outline="white")
    for (y, x), label in zip(points, point_labels, strict=True):
        v, u, r = (y + 0.5) * zoom, (x + 0.5) * zoom, 5
        color = "lime" if label else "red"
        draw.ellipse([u - r, v - r, u + r, v + r], fill=color, outline="black")
    return picture


def _colour(rgb: NDArray[np.uint8], labels: NDArray[np.integer], rows: slice) -> None:
    """Blend the colours of the labels into some rows of a picture, in place."""
    ids = labels[rows]
    first = max(rows.start - 1, 0)  # a rim is seen from the next row as well
    around = labels[first : rows.stop + 1]
    rim = scipy.ndimage.grey_erosion(around, size=(3, 3)) != around
    rim |= scipy.ndimage.grey_dilation(around, size=(3, 3)) != around
    rim = rim[rows.start - first :][: len(ids)]
    weight = np.where(ids > 0, np.where(rim, 1.0, FILL), 0.0)[..., None]
    palette = np.array(COLORS, np.float32)[(ids - 1) % len(COLORS)]
    rgb[rows] = rgb[rows] * (1 - weight) + palette * weight
