"""Which masks are doubtful, and which say the same."""

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
"""IoU from which on two masks say the same."""


def is_doubtful(mask: Mask, tuning: Tuning) -> bool:
    """Whether a model of this tuning thinks little of its mask."""
    return mask.score < tuning.doubtful_score


def holds_negative(mask: Mask, prompt: Prompt) -> bool:
    """Whether a negative click lies on a mask all the same."""
    y0, x0, y1, x1 = mask.bbox
    for (y, x), label in zip(prompt.points, prompt.point_labels, strict=True):
        row, column = int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
        inside = y0 <= row < y1 and x0 <= column < x1
        if not label and inside and mask.data[row - y0, column - x0]:
            return True
    return False


def distinct(masks: Sequence[Mask]) -> list[int]:
    """Return the numbers of those masks that differ from all before them.

    Two are the same from an IoU of `SAME_IOU` on; empty ones do not count, but for the
    first.
    """
    found: list[int] = []
    for i, mask in enumerate(masks):
        new = all(iou(mask, masks[k]) < SAME_IOU for k in found)
        if not i or (mask.area and new):
            found.append(i)
    return found
