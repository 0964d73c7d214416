"""Judge the masks of an answer: which of them differ, and why one is uncertain.

Imports torch on first use: an answer is there by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.viewer.inference.requests.request import Answer
    from napari_hqsam.viewer.state import Uncertainty


def distinct_masks(answer: Answer) -> tuple[int, ...]:
    """Return the numbers of the masks that differ from one another."""
    from napari_hqsam.segmentation.mask_checks import distinct

    return tuple(distinct(answer.masks))


def next_choice(choices: Sequence[int], chosen: int) -> int:
    """Return the number of the next mask that differs from those before it."""
    return next((i for i in choices if i > chosen), choices[0])


def uncertainty_of(answer: Answer, chosen: int) -> Uncertainty:
    """Return why a mask of an answer is uncertain; "" if it is not."""
    from napari_hqsam.segmentation.mask_checks import holds_negative, is_uncertain

    mask = answer.masks[chosen]
    if holds_negative(mask, answer.request.prompt):
        return "negative"
    return "score" if is_uncertain(mask, answer.tuning) else ""
