"""Which masks are doubtful, and which say the same.

Holds the thresholds for it, those that depend on a model's weights by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.mask import Mask

POOR_SCORE = {"micro": 0.5}
"""Score by model below which a mask is doubtful.

On images kept for validation (522 clicks, nine data sets) 14 % of the bundled model's
masks are below 0.5; 69 % of these have an IoU below 0.5, and so do 58 % of all such
masks; 1 % of the masks of IoU 0.75 and more are below it.
"""
POOR_SCORE_OTHERS = 0.7
"""The same of models that are not in `POOR_SCORE`; not measured."""
SAME_IOU = 0.95
"""IoU from which on two masks say the same."""


def is_doubtful(mask: Mask, model: str) -> bool:
    """Whether the model thinks little of its mask; see `POOR_SCORE`."""
    return mask.score < POOR_SCORE.get(model, POOR_SCORE_OTHERS)


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
