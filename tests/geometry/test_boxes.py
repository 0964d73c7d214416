"""Boxes of whole pixels, against the pixels that they hold."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_hqsam.geometry.boxes import (
    EMPTY,
    around,
    common,
    index_in,
    is_empty,
    moved,
    shape_of,
    without,
)

SIDES = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(sorted)
BOXES = st.tuples(SIDES, SIDES).map(lambda s: (s[0][0], s[1][0], s[0][1], s[1][1]))


def pixels(box):
    plane = np.zeros((7, 7), bool)
    plane[box[0] : box[2], box[1] : box[3]] = True
    return plane


@given(BOXES, BOXES)
def test_what_two_boxes_share_and_what_is_round_them(a, b):
    both = pixels(a) & pixels(b)
    np.testing.assert_array_equal(pixels(common(a, b)), both)
    assert is_empty(common(a, b)) == (not both.any())
    whole = around(a, b)
    either = pixels(a) | pixels(b)
    rows, cols = np.nonzero(either)
    wanted = (
        (rows.min(), cols.min(), rows.max() + 1, cols.max() + 1)
        if either.any()
        else EMPTY
    )
    assert whole == wanted


@given(BOXES, st.integers(-3, 3), st.integers(-3, 3))
def test_a_box_in_an_array_that_shows_another(box, y, x):
    outer = (-1, -2, 8, 9)
    plane = np.arange(81 + 18).reshape(9, 11)
    found = plane[index_in(box, outer)]
    assert found.shape == shape_of(box)
    if found.size:
        assert found[0, 0] == plane[box[0] + 1, box[1] + 2]
    assert shape_of(moved(box, (y, x))) == shape_of(box)
    assert moved(box, (y, x))[:2] == (box[0] + y, box[1] + x)


@given(BOXES, BOXES)
def test_what_a_box_has_outside_another(outer, inner):
    inner = common(outer, inner)
    if is_empty(inner):
        return
    parts = without(outer, inner)
    assert not any(map(is_empty, parts))
    covered = sum(pixels(part).astype(int) for part in parts)
    np.testing.assert_array_equal(covered, pixels(outer) & ~pixels(inner))
