"""Specks go, pinholes close, real parts and real holes stay."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_hqsam.masks import cleaning
from napari_hqsam.masks.cleaning import clean_mask


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


@given(
    hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14))),
    st.sampled_from([1, 20, 50]),
    st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)), max_size=2),
    st.booleans(),
)
def test_stripe_by_stripe_is_as_at_once(mask, stripe, clicks, only_clicked):
    places = np.array(clicks, float).reshape(-1, 2)
    at_once = clean_mask(mask, places, only_clicked=only_clicked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cleaning, "STRIPE", stripe)
        striped = clean_mask(mask, places, only_clicked=only_clicked)
    np.testing.assert_array_equal(striped, at_once)


def test_a_spiral_through_many_stripes_is_one_part(monkeypatch):
    monkeypatch.setattr(cleaning, "STRIPE", 3 * 41)
    mask = np.zeros((41, 41), bool)
    for inset in range(0, 18, 4):  # nested frames, open, joined by one pixel
        mask[inset, inset : 41 - inset] = mask[40 - inset, inset : 41 - inset] = True
        mask[inset : 41 - inset, inset] = mask[inset : 41 - inset, 40 - inset] = True
        mask[inset + 1 : inset + 4, 20] = True
    mask[38, 2] = True
    cleaned = clean_mask(mask, np.array([[0.0, 0.0]]), only_clicked=True)
    mask[38, 2] = False
    assert (cleaned & mask).sum() == mask.sum()
    assert not cleaned[38, 2]


def test_cleaning_a_large_mask_takes_little_more_than_the_result():
    side = 3000
    yy, xx = np.ogrid[:side, :side]
    mask = np.abs(yy - xx) < 8
    tracemalloc.start()
    cleaned = clean_mask(mask, np.array([[5.0, 5.0]]), only_clicked=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (cleaned == mask).all()
    assert peak < mask.size + 20 * cleaning.STRIPE
