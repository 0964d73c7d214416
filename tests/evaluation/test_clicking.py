"""Prompts simulated from the truth: where they go, and how often one asks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_hqsam.errors import PromptError
from napari_hqsam.evaluation.clicking import (
    answers,
    check_kinds,
    first_click,
    next_click,
    on_common_window,
    tight_box,
)
from tests.evaluation.fake_segmenter import ToldSegmenter, mask_of

planes = hnp.arrays(bool, st.tuples(st.integers(1, 15), st.integers(1, 15)))
objects = planes.filter(np.any)
pairs = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))
)

at_leisure = settings(deadline=None)  # a busy machine is no failure


def square(y0, x0, y1, x1):
    plane = np.zeros((40, 40), bool)
    plane[y0:y1, x0:x1] = True
    return plane


TARGET = square(10, 10, 30, 30)


def depth(plane, y, x):
    outside = np.argwhere(~np.pad(plane, 1)) - 1
    return np.hypot(*(outside - (y, x)).T).min()


@at_leisure
@given(objects)
def test_the_box_holds_the_object_and_nothing_more(plane):
    y0, x0, y1, x1 = tight_box(mask_of(plane))
    ys, xs = np.nonzero(plane)
    assert (y0, y1) == (ys.min() - 0.5, ys.max() + 0.5)
    assert (x0, x1) == (xs.min() - 0.5, xs.max() + 0.5)


@at_leisure
@given(objects)
def test_the_first_click_lies_inside_as_deep_as_can_be(plane):
    y, x = map(int, first_click(mask_of(plane)))
    assert plane[y, x]
    deepest = max(depth(plane, *pixel) for pixel in np.argwhere(plane))
    assert depth(plane, y, x) == pytest.approx(deepest)


@at_leisure
@given(pairs.filter(lambda pair: pair[1].any()))
def test_the_next_click_lies_deepest_in_what_is_missing_or_too_much(pair):
    found, truth = pair
    click = next_click(mask_of(found), mask_of(truth), [])
    if (found == truth).all():
        assert click is None
        return
    (y, x), label = click
    y, x = int(y), int(x)
    assert found[y, x] != truth[y, x]
    assert truth[y, x] == label
    wrong = truth & ~found, found & ~truth
    deepest = max(depth(part, *p) for part in wrong for p in np.argwhere(part))
    assert depth(wrong[1 - label], y, x) == pytest.approx(deepest)


def test_errors_that_touch_are_not_one():
    """Their union would be clicked on the border between them."""
    found = square(10, 18, 30, 38)  # moved: 8 columns missing, 8 too many
    found[:, 30:33] = False  # a gap, so that what is too much is less deep
    (_, x), label = next_click(mask_of(found), mask_of(TARGET), [])
    assert label == 1
    assert 12 <= x <= 15


def test_nobody_clicks_twice_on_one_spot():
    empty = mask_of(np.zeros_like(TARGET))
    clicks = [first_click(mask_of(TARGET))]
    for _ in range(4):
        point, label = next_click(empty, mask_of(TARGET), clicks)
        assert label == 1
        assert min(np.hypot(*np.subtract(point, c)) for c in clicks) > 3
        clicks.append(point)
    one_pixel = mask_of(square(5, 5, 6, 6))
    assert next_click(empty, one_pixel, [(5.0, 5.0)]) is None
    assert next_click(one_pixel, empty, [(5.0, 5.0)]) is None


def test_masks_meet_on_the_smallest_window_that_holds_both():
    a, b, corner = on_common_window(
        mask_of(square(5, 6, 8, 9)), mask_of(square(7, 3, 12, 7))
    )
    assert corner == (5, 3)
    assert a.shape == b.shape == (7, 6)
    assert (a.sum(), b.sum(), (a & b).sum()) == (9, 20, 1)
    nothing = mask_of(np.zeros((9, 9)))
    assert on_common_window(nothing, nothing)[0].size == 0


def test_further_clicks_correct_and_feed_the_answer_back():
    too_small, too_large = TARGET.copy(), TARGET.copy()
    too_small[10:30, 20:30] = False  # the right half is missing
    too_large[0:9, 0:9] = True  # a corner too much
    segmenter = ToldSegmenter(too_small, too_large, TARGET)
    found = answers(segmenter, mask_of(TARGET), ["click", "clicks3"], level=1)
    assert (found["click"]["sam+hq"].to_plane((40, 40)) == too_small).all()
    assert (found["clicks3"]["sam+hq"].to_plane((40, 40)) == TARGET).all()
    first, second, third = segmenter.prompts
    assert (first.point_labels, second.point_labels) == ((1,), (1, 1))
    assert second.points[1][1] >= 20
    assert third.point_labels == (1, 1, 0)
    assert max(third.points[2]) < 9
    assert [p.logits for p in segmenter.prompts] == [None, "after 1", "after 2"]
    assert segmenter.levels == [1, 1, 1]


def test_a_right_answer_ends_the_clicking_and_stands_for_the_later_ones():
    segmenter = ToldSegmenter(TARGET)
    found = answers(segmenter, mask_of(TARGET), ["click", "clicks3", "clicks5"])
    assert len(segmenter.prompts) == 1
    assert found["clicks5"] is found["click"]


def test_each_prompt_is_decoded_once_for_all_outputs_and_kinds():
    segmenter = ToldSegmenter(np.zeros_like(TARGET))
    kinds = ["box", "click", "clicks3", "clicks5"]
    found = answers(segmenter, mask_of(TARGET), kinds)
    assert len(segmenter.prompts) == 1 + 5
    assert list(found) == kinds
    assert all(set(outputs) == {"sam", "sam+hq", "hq"} for outputs in found.values())
    answers(segmenter, mask_of(TARGET), ["box"])
    assert len(segmenter.prompts) == 7


def test_kinds_of_prompts_come_in_their_order_and_must_be_known():
    assert check_kinds(["clicks3", "box", "box"]) == ("box", "clicks3")
    for wrong in (["scribble"], []):
        with pytest.raises(PromptError, match="clicks5"):
            check_kinds(wrong)
