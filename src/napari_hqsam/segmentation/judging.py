"""Which masks are doubtful, and which say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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
        new = all(mask_iou(mask, masks[k]) < SAME_IOU for k in found)
        if not i or (mask.area and new):
            found.append(i)
    return found


def mask_iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks of a plane; 1 where both are empty."""
    y0, x0 = max(a.bbox[0], b.bbox[0]), max(a.bbox[1], b.bbox[1])
    y1, x1 = min(a.bbox[2], b.bbox[2]), min(a.bbox[3], b.bbox[3])
    both = 0
    if y0 < y1 and x0 < x1:
        parts = [
            m.data[y0 - m.bbox[0] : y1 - m.bbox[0], x0 - m.bbox[1] : x1 - m.bbox[1]]
            for m in (a, b)
        ]
        both = int(np.count_nonzero(parts[0] & parts[1]))
    union = a.area + b.area - both
    return both / union if union else 1.0
