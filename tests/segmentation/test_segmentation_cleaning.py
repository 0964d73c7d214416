"""Specks go, pinholes close, real parts and real holes stay."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_hqsam.segmentation.cleaning import clean_mask


def disc(shape, centre, radius):
    yy, xx = np.indices(shape)
    return np.hypot(yy - centre[0], xx - centre[1]) < radius


def test_specks_go_and_pinholes_close():
    body = disc((80, 80), (40, 40), 25)
    dirty = body.copy()
    dirty[2:5, 2:5] = True
    dirty[40, 40] = False
    np.testing.assert_array_equal(clean_mask(dirty), body)


def test_real_holes_and_second_parts_stay():
    ring = disc((80, 120), (40, 40), 30) & ~disc((80, 120), (40, 40), 15)
    both = ring | disc((80, 120), (40, 95), 15)
    np.testing.assert_array_equal(clean_mask(both), both)


def test_a_clicked_part_stays_however_small():
    mask = disc((80, 80), (50, 50), 25)
    mask[3, 3] = True
    assert clean_mask(mask, np.array([[3.0, 3.0]]))[3, 3]
    assert not clean_mask(mask)[3, 3]


def test_parts_that_no_click_is_on_go_where_clicks_say_all():
    mask = np.zeros((60, 60), bool)
    mask[5:30, 5:30] = mask[35:55, 35:55] = True
    one = clean_mask(mask, np.array([[10.0, 10.0]]), only_clicked=True)
    assert one[5:30, 5:30].all()
    assert one.sum() == 25 * 25
    beside = clean_mask(mask, np.array([[50.0, 10.0]]), only_clicked=True)
    np.testing.assert_array_equal(beside, mask)
    both = clean_mask(mask, np.array([[10.0, 10.0], [40, 40]]), only_clicked=True)
    np.testing.assert_array_equal(both, mask)


def test_a_bay_at_the_border_is_no_hole():
    mask = np.ones((40, 40), bool)
    mask[0:2, 20] = False
    np.testing.assert_array_equal(clean_mask(mask), mask)


@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_cleaning_never_empties_and_settles(mask):
    once = clean_mask(mask)
    assert once.any() == mask.any()
    np.testing.assert_array_equal(clean_mask(once), once)
