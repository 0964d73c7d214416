"""Checks of predicted masks: low score, negative clicks not obeyed, duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.masks.algebra import iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.models import Tuning
    from napari_hqsam.prompts import Prompt

SAME_IOU = 0.95
"""IoU at and above which two masks are duplicates."""


def is_uncertain(mask: Mask, tuning: Tuning) -> bool:
    """Whether a mask's predicted IoU is below the model's threshold."""
    return mask.score < tuning.uncertain_score


def holds_negative(mask: Mask, prompt: Prompt) -> bool:
    """Whether a negative click lies on the mask."""
    y0, x0, y1, x1 = mask.bbox
    for (y, x), label in zip(prompt.points, prompt.point_labels, strict=True):
        row, column = int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
        inside = y0 <= row < y1 and x0 <= column < x1
        if not label and inside and mask.data[row - y0, column - x0]:
            return True
    return False


def distinct(masks: Sequence[Mask]) -> list[int]:
    """Return the indices of the masks without duplicates, the first of each kept.

    Two masks with an IoU of at least `SAME_IOU` are duplicates. Empty masks are
    dropped, except where the first mask is empty.
    """
    found: list[int] = []
    for i, mask in enumerate(masks):
        new = all(iou(mask, masks[k]) < SAME_IOU for k in found)
        if not i or (mask.area and new):
            found.append(i)
    return found
