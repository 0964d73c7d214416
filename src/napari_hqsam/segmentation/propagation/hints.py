"""From an object's mask on one slice to its prompt on the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_hqsam.masks.cleaning import SPECK_SHARE
from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.plane.parts import EIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.masks import Logits
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.models import Tuning

MAX_POINTS = 4
"""Parts of an object that get a point of their own, the largest first."""
NEAR = 0.5
"""Neighbours within this share of an object's longer side may get a point."""


@dataclass(frozen=True)
class Hints:
    """What of a neighbour's mask is told to the network.

    Attributes
    ----------
    box : bool
        The mask's box, wider by `margin`; a mask without logits, such as one drawn
        by hand, is always told with its box. Told again and again, a box makes a
        mask a box where an object fades.
    points : bool
        The point furthest from the background, in each part of the mask.
    logits : bool
        SAM's own logits of the mask, blurred.
    blur : float, optional
        Standard deviation that they are blurred by, in values; None: the model's
        (`Tuning.logit_blur`). Sure logits are given back as they came, and a mask
        would not change its outline from slice to slice, whatever the image shows.
    negatives : int
        At most so many negative points, in the nearest other objects.
    margin : float
        Pixels that the box is widened by per pixel of distance along z.
    widest : float
        The box is never widened by more than this share of its longer side.
    """

    box: bool = False
    points: bool = True
    logits: bool = True
    blur: float | None = None
    negatives: int = 0
    margin: float = 0.0
    widest: float = 0.15

    def for_model(self, tuning: Tuning) -> Hints:
        """Fill what is left open with the model's own number."""
        return replace(self, blur=tuning.logit_blur) if self.blur is None else self


def widened(bbox: Box, hints: Hints, step: float) -> tuple[float, float, float, float]:
    """Box (y0, x0, y1, x1) round a mask's pixels, wider by the margin.

    Parameters
    ----------
    bbox : (y0, x0, y1, x1)
        Half-open, pixels.
    hints : Hints
    step : float
        Distance of the slices, pixels.
    """
    y0, x0, y1, x1 = bbox
    longer = max(y1 - y0, x1 - x0)
    by = max(min(hints.margin * step, hints.widest * longer), 0.0)
    return y0 - 0.5 - by, x0 - 0.5 - by, y1 - 0.5 + by, x1 - 0.5 + by


def blurred(logits: Logits, sigma: float) -> Logits:
    """Return logits that say less exactly where the outline was."""
    values = ndimage.gaussian_filter(
        logits.values.astype(np.float32), sigma, mode="nearest"
    )
    return replace(logits, values=values.astype(np.float16))


def inner_points(mask: Mask) -> list[tuple[float, float]]:
    """(y, x) of the deepest pixel of each part of a mask, the largest part first.

    Specks get none.
    """
    parts, count = ndimage.label(mask.data, EIGHT)
    areas = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    largest = np.argsort(-areas, kind="stable")[:MAX_POINTS]
    spans = ndimage.find_objects(parts)
    found = []
    for part in largest[areas[largest] >= SPECK_SHARE * areas.max()]:
        rows, cols = spans[part]
        window = np.pad(parts[rows, cols] == part + 1, 1)
        depth = ndimage.distance_transform_edt(window)[1:-1, 1:-1]
        r, c = np.unravel_index(int(depth.argmax()), depth.shape)
        y, x = mask.bbox[:2]
        found.append((float(y + rows.start + r), float(x + cols.start + c)))
    return found


def next_prompts(
    masks: Mapping[int, Mask],
    steps: Mapping[int, float],
    plane_shape: tuple[int, int],
    hints: Hints,
    around: Sequence[Mask] = (),
) -> dict[int, Prompt]:
    """Prompt for each object on the next slice.

    Parameters
    ----------
    masks : mapping of int to Mask
        Of each object where it was seen last; none empty.
    steps : mapping of int to float
        Distance from there, pixels.
    plane_shape : (h, w)
    hints : Hints
    around : sequence of Mask
        Further objects, known already on the next slice; none empty.
    """
    every = [*masks.values(), *around]
    inner = [inner_points(mask) for mask in every]
    near = _nearest(every, hints.negatives)
    h, w = plane_shape
    prompts = {}
    for k, (i, mask) in enumerate(masks.items()):
        y0, x0, y1, x1 = widened(mask.bbox, hints, steps[i])
        logits = (
            blurred(mask.logits, hints.blur or 0.0)
            if hints.logits and mask.logits
            else None
        )
        boxed = hints.box or logits is None
        points = inner[k] if hints.points or not boxed else []
        # one known on the next slice may lie where this one was
        others = {inner[j][0] for j in near[k]} - set(points)
        prompts[i] = Prompt(
            [*points, *sorted(others)],
            [1] * len(points) + [0] * len(others),
            box=(max(y0, -0.5), max(x0, -0.5), min(y1, h - 0.5), min(x1, w - 0.5))
            if boxed
            else None,
            logits=logits,
        )
    return prompts


def _nearest(masks: Sequence[Mask], count: int) -> list[list[int]]:
    """Of each mask the nearest others, by the gap between their boxes."""
    if count < 1 or len(masks) < 2:
        return [[] for _ in masks]
    boxes = np.array([mask.bbox for mask in masks])
    reach = NEAR * (boxes[:, 2:] - boxes[:, :2]).max(1)
    near = []
    for k, box in enumerate(boxes):
        gaps = _gaps(boxes, box)
        gaps[k] = np.inf
        order = np.argsort(gaps, kind="stable")[:count]
        near.append([int(j) for j in order if gaps[j] <= reach[k]])
    return near


def _gaps(boxes: NDArray[np.int_], box: NDArray[np.int_]) -> NDArray[np.float64]:
    """Distance of boxes (n, 4) from one box (4,), 0 where they meet."""
    apart = np.maximum(boxes[:, :2] - box[2:], box[:2] - boxes[:, 2:])
    return np.asarray(np.hypot(*np.maximum(apart, 0).T), np.float64)
