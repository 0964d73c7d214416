"""Make the prompt of an object on the next slice from its mask on this one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_hqsam.masks.cleaning import SPECK_SHARE
from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.plane.components import EIGHT_CONNECTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.masks import Logits
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.models import Tuning

MAX_POINTS = 4
"""Most components of an object that get a positive point, the largest first."""
NEAR = 0.5
"""Gap, as a fraction of the object's longer side, up to which a neighbour may get a
negative point."""


@dataclass(frozen=True)
class PromptTransfer:
    """Which prompts a mask gives on the next slice.

    Attributes
    ----------
    box : bool
        Use the mask's box, widened by `margin`. A mask without logits, such as one
        drawn by hand, always gives its box. Off by default: repeated box prompts
        turn the mask of a fading object into its box.
    points : bool
        Use the point furthest from the background in each component of the mask.
    logits : bool
        Use SAM's own logits of the mask, blurred, as mask prompt.
    blur : float, optional
        Standard deviation of the Gaussian blur, pixels of the logits; None: the
        model's (`Tuning.logit_blur`). Without it the decoder returns the logits as
        they are, and the outline does not adapt to the image.
    negatives : int
        Most negative points, placed in the nearest other objects.
    margin : float
        Pixels by which the box is widened per pixel of distance along z.
    widest : float
        Limit of that, as a fraction of the box's longer side.
    """

    box: bool = False
    points: bool = True
    logits: bool = True
    blur: float | None = None
    negatives: int = 0
    margin: float = 0.0
    widest: float = 0.15

    def for_model(self, tuning: Tuning) -> PromptTransfer:
        """Return the same with the value of the model where `blur` is None."""
        return replace(self, blur=tuning.logit_blur) if self.blur is None else self


def widened_box(
    bbox: Box, transfer: PromptTransfer, step: float
) -> tuple[float, float, float, float]:
    """Widen a mask's box by the margin.

    Parameters
    ----------
    bbox : (y0, x0, y1, x1)
        Half-open, pixels.
    transfer : PromptTransfer
    step : float
        Distance between the slices, pixels.

    Returns
    -------
    (y0, x0, y1, x1)
        Continuous plane coordinates, pixel centres at integers.
    """
    y0, x0, y1, x1 = bbox
    longer = max(y1 - y0, x1 - x0)
    by = max(min(transfer.margin * step, transfer.widest * longer), 0.0)
    return y0 - 0.5 - by, x0 - 0.5 - by, y1 - 0.5 + by, x1 - 0.5 + by


def blurred(logits: Logits, sigma: float) -> Logits:
    """Blur logits with a Gaussian, so that the outline becomes uncertain."""
    values = ndimage.gaussian_filter(
        logits.values.astype(np.float32), sigma, mode="nearest"
    )
    return replace(logits, values=values.astype(np.float16))


def inner_points(mask: Mask) -> list[tuple[float, float]]:
    """Return the (y, x) furthest from the background in each component of a mask.

    By the Euclidean distance transform; the largest component first, specks left out.
    """
    parts, count = ndimage.label(mask.data, EIGHT_CONNECTED)
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
    transfer: PromptTransfer,
    around: Sequence[Mask] = (),
) -> dict[int, Prompt]:
    """Make the prompt of each object on the next slice.

    Parameters
    ----------
    masks : mapping of int to Mask
        Last mask of each object; none empty.
    steps : mapping of int to float
        Distance from its slice, pixels.
    plane_shape : (h, w)
    transfer : PromptTransfer
    around : sequence of Mask
        Masks of other objects that are given on the next slice; none empty.
    """
    every = [*masks.values(), *around]
    inner = [inner_points(mask) for mask in every]
    near = _nearest(every, transfer.negatives)
    h, w = plane_shape
    prompts = {}
    for k, (i, mask) in enumerate(masks.items()):
        y0, x0, y1, x1 = widened_box(mask.bbox, transfer, steps[i])
        logits = (
            blurred(mask.logits, transfer.blur or 0.0)
            if transfer.logits and mask.logits
            else None
        )
        boxed = transfer.box or logits is None
        points = inner[k] if transfer.points or not boxed else []
        # an object given on the next slice may lie where this one was
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
    """Return the nearest other masks of each, by the gap between their boxes."""
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
    """Return the distance of boxes (n, 4) from one box (4,), 0 where they meet."""
    apart = np.maximum(boxes[:, :2] - box[2:], box[:2] - boxes[:, 2:])
    return np.asarray(np.hypot(*np.maximum(apart, 0).T), np.float64)
