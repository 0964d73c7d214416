"""Objects of a label image: their prompts, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_hqsam.masks.algebra import deepest_pixel, pixel_box
from napari_hqsam.prompts import Prompt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.masks.mask import Mask

LOGIT = 8.0
"""Largest logit of the mask prompt, as SAM's own."""
BAND = 0.4
"""Width of the band along the outline in which the mask prompt rises from `-LOGIT` to
`LOGIT`, as a fraction of the square root of the area: the old outline may be wrong, and
a steep one would be kept."""
MIN_BAND = 8.0
"""Least width of that band, pixels."""


@dataclass(frozen=True)
class RefinedObject:
    """What became of an object: a row of the table.

    Attributes
    ----------
    label_id : int
    plane : dict of str to int
        Index of its plane.
    kept : str
        Why the object keeps its old shape: the name of the rule that the new one
        breaks (see `RefineRules`), or "empty"; "" if it was refined.
    iou : float
        IoU of the network's mask with the old shape.
    score, stability : float
        Predicted IoU and stability of the network's mask.
    distance, core, consistency, gain : float
        See `OutlineChange`.
    pixels, old_pixels : int
        Its area after and before.
    """

    label_id: int
    plane: dict[str, int]
    kept: str
    iou: float
    score: float
    stability: float
    distance: float
    core: float
    consistency: float
    gain: float
    pixels: int
    old_pixels: int


@dataclass(frozen=True, eq=False)
class RefinedPlane:
    """The refined labels of one plane.

    Attributes
    ----------
    position : tuple of int
        Along the leading axes of the image.
    labels : ndarray
        (h, w), the ids and, for integers, the data type of the old labels.
    objects : tuple of RefinedObject
        In the order of their ids.
    """

    position: tuple[int, ...]
    labels: NDArray[Any]
    objects: tuple[RefinedObject, ...]


def prompt_for(mask: Mask) -> Prompt:
    """Make the prompt of an old shape: box, its deepest pixel, and a soft mask.

    The logits of the mask prompt grow linearly with the distance to the outline,
    within a band of `BAND`.
    """
    corner = mask.bbox[:2]
    (y, x), _ = deepest_pixel(mask.data)
    width = max(MIN_BAND, BAND * float(np.sqrt(mask.area)))
    margin = int(np.ceil(width / 2)) + 1
    wide = np.pad(mask.data, margin)
    depth = ndimage.distance_transform_edt(wide) - ndimage.distance_transform_edt(~wide)
    logits = np.clip(depth * (2 * LOGIT / width), -LOGIT, LOGIT).astype(np.float32)
    return Prompt(
        [(corner[0] + y, corner[1] + x)],
        box=pixel_box(mask.data, corner),
        mask=logits,
        mask_offset=(corner[0] - margin, corner[1] - margin),
    )


def prompt_again(prompt: Prompt, mask: Mask) -> Prompt | None:
    """Make the prompt of the second pass: box and logits of the first one's mask.

    It frees the mask from the old outline; the click stays. None without such a mask.
    """
    if not mask.area or mask.logits is None:
        return None
    box = pixel_box(mask.data, mask.bbox[:2])
    return Prompt(prompt.points, box=box, logits=mask.logits)


def paint_objects(labels: NDArray[Any], masks: dict[int, Mask]) -> NDArray[Any]:
    """Return a copy of labels (h, w) with other, disjoint masks of their objects."""
    painted = np.zeros_like(labels)
    for label_id, mask in masks.items():
        y0, x0, y1, x1 = mask.bbox
        painted[y0:y1, x0:x1][mask.data] = label_id
    return painted
