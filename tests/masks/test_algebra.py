"""Two masks of a plane, each a crop with its box, against whole planes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_hqsam.masks import Mask
from napari_hqsam.masks.algebra import (
    crop_of,
    intersection,
    iou,
    minus,
    overlapping_boxes,
    pixel_box,
    tight_box,
)

SHAPE = (7, 8)
PLANES = hnp.arrays(bool, SHAPE, elements=st.sampled_from([False, False, True]))


def mask_of(plane):
    return Mask.from_crop(plane, (0, 0), 0.9, 0.8)


@given(PLANES, PLANES)
def test_masks_compare_as_their_planes_do(one, other):
    a, b = mask_of(one), mask_of(other)
    both = np.count_nonzero(one & other)
    assert intersection(a, b) == intersection(b, a) == both
    union = np.count_nonzero(one | other)
    assert iou(a, b) == (both / union if union else 1)
    rest = np.zeros(SHAPE, bool)
    rest[a.bbox[0] : a.bbox[2], a.bbox[1] : a.bbox[3]] = minus(a, b)
    np.testing.assert_array_equal(rest, one & ~other)
    assert (minus(a, b) is a.data) == (not both)
    if both:
        assert [*overlapping_boxes([a], [b])] == [(0, 0)]


@given(PLANES, st.tuples(st.integers(-2, 5), st.integers(-2, 5)))
def test_a_mask_as_seen_in_another_box(plane, corner):
    mask = mask_of(plane)
    box = (*corner, corner[0] + 4, corner[1] + 3)
    padded = np.pad(plane, 4)[corner[0] + 4 :, corner[1] + 4 :][:4, :3]
    np.testing.assert_array_equal(crop_of(mask.bbox, mask.data, box), padded)


@given(PLANES)
def test_the_tight_box_holds_all_pixels_and_touches_some_on_each_side(plane):
    y0, x0, y1, x1 = tight_box(plane, (10, 20))
    if not plane.any():
        assert (y0, x0, y1, x1) == (0, 0, 0, 0)
        return
    inside = plane[y0 - 10 : y1 - 10, x0 - 20 : x1 - 20]
    assert inside.sum() == plane.sum()
    assert inside[0].any()
    assert inside[-1].any()
    assert inside[:, 0].any()
    assert inside[:, -1].any()
    assert pixel_box(plane, (10, 20)) == (y0 - 0.5, x0 - 0.5, y1 - 0.5, x1 - 0.5)


def test_a_mask_with_other_pixels_keeps_all_else():
    mask = Mask.from_crop(np.ones((3, 4), bool), (5, 6), 0.9, 0.8, level=2)
    data = np.zeros((3, 4), bool)
    data[1:, 2] = True
    other = mask.with_pixels(data)
    assert other.bbox == (6, 8, 8, 9)
    assert other.data.all()
    assert (other.score, other.stability, other.level) == (0.9, 0.8, 2)
    assert mask.with_pixels(np.zeros((3, 4), bool)).bbox == (0, 0, 0, 0)


@pytest.mark.parametrize("count", [0, 1, 300])
def test_pairs_whose_boxes_meet(count):
    masks = [Mask((3 * i, 0, 3 * i + 4, 2), np.ones((4, 2), bool), 1, 1)
             for i in range(count)]  # fmt: skip
    found = set(overlapping_boxes(masks, masks))
    wanted = {(i, j) for i in range(count) for j in (i - 1, i, i + 1)}
    assert found == {pair for pair in wanted if 0 <= pair[1] < count}
