"""Doubtful masks, equal ones, and what negative clicks cut out."""

import numpy as np
import pytest

from napari_hqsam import Prompt
from napari_hqsam.masks.algebra import iou
from napari_hqsam.masks.mask import Mask
from napari_hqsam.models import Tuning
from napari_hqsam.segmentation.mask_checks import (
    distinct,
    holds_negative,
    is_uncertain,
)


def square(y, x, side, score=0.9):
    return Mask.from_crop(np.ones((side, side), bool), (y, x), score, 0.9)


def discs(*centres, radius=10, shape=(40, 80)):
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    away = [np.hypot(yy - y, xx - x) <= radius for y, x in centres]
    return np.any(away, axis=0)


def test_a_low_score_is_uncertain_by_the_measure_of_the_model():
    strict, lenient = Tuning(uncertain_score=0.7), Tuning(uncertain_score=0.5)
    assert is_uncertain(square(0, 0, 5, 0.49), lenient)
    assert not is_uncertain(square(0, 0, 5, 0.51), lenient)
    assert is_uncertain(square(0, 0, 5, 0.51), strict)
    assert not is_uncertain(square(0, 0, 5, 0.9), strict)


def test_masks_that_say_the_same_are_found():
    empty = Mask.from_crop(np.zeros((2, 2), bool), (0, 0), 0.1, 0.1)
    masks = [square(0, 0, 100), square(0, 1, 100), square(0, 0, 90), empty]
    assert iou(masks[0], masks[1]) == pytest.approx(99 / 101)
    assert iou(masks[0], square(500, 500, 3)) == 0
    assert distinct(masks) == [0, 2]
    assert distinct([empty, empty, masks[0]]) == [0, 2]


def test_a_mask_that_holds_a_negative_click_is_known():
    mask = square(10, 10, 5)
    assert holds_negative(mask, Prompt([(12, 12), (14.4, 14.4)], [1, 0]))
    assert not holds_negative(mask, Prompt([(12, 12), (14.6, 14.4)], [1, 0]))
    assert not holds_negative(mask, Prompt([(12, 12)], [1]))


def test_no_mask_is_given_that_holds_a_negative_click(micro):
    """Whatever the network says of two discs that touch."""
    from napari_hqsam import Segmenter

    image = np.where(discs((60, 60), (60, 98), radius=20, shape=(120, 160)), 200, 40)
    segmenter = Segmenter(image.astype(np.uint8), micro, cache=False)
    prompt = Prompt([(60, 60), (60, 70)], [1, 0])  # inside the very disc
    how = {"level": 0}  # a search prefers levels whose mask obeys both clicks
    assert holds_negative(segmenter.segment(prompt, clean=False, **how), prompt)
    for mask in (segmenter.segment(prompt, **how), *segmenter.candidates(prompt)):
        assert mask.area
        assert not holds_negative(mask, prompt)
