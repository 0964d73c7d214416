"""Which slices are walked in which order, and what a new prompt can change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_hqsam import Prompt, open_image
from napari_hqsam.errors import PromptError
from napari_hqsam.geometry import Space, StackAxis
from napari_hqsam.segmentation.propagation import (
    StopRules,
    affected_range,
    range_to_propagate,
    spacing_of,
)
from napari_hqsam.segmentation.propagation.plan import (
    SliceRange,
    checked_range,
    checked_spacing,
    plan_ranges,
)
from napari_hqsam.segmentation.propagation.rules import per_step

CLICK = Prompt([(1, 1)])


@pytest.mark.parametrize(
    ("fixed", "z", "wanted"),
    [
        ([], 5, (0, 20)),
        ([3], 5, (4, 20)),
        ([9], 5, (0, 9)),
        ([3, 9], 5, (4, 9)),
        ([3, 5, 9], 5, (4, 9)),  # replacing a prompt
        ([4, 6], 5, (5, 6)),
        ([0, 19], 5, (1, 19)),
    ],
)
def test_a_new_prompt_changes_nothing_beyond_its_neighbours(fixed, z, wanted):
    assert affected_range(fixed, z, (0, 20)) == wanted


def test_one_way_a_prompt_changes_only_what_lies_ahead():
    assert affected_range([3, 9], 5, (0, 20), "forward") == (5, 9)
    assert affected_range([3, 9], 5, (0, 20), "backward") == (4, 6)
    with pytest.raises(PromptError, match="slice 20 is outside the range 0 to 20"):
        affected_range([], 20, (0, 20))


objects = st.lists(
    st.sets(st.integers(0, 14), min_size=1, max_size=4), min_size=1, max_size=4
)


@given(objects, st.booleans(), st.booleans())
def test_every_slice_that_can_be_reached_is_final_once(fixed, forward, backward):
    if not (forward or backward):
        forward = True
    planned = plan_ranges(fixed, (0, 15), forward=forward, backward=backward)
    walked = [z for leg in planned for z in range(leg.start, leg.stop)]
    every = set().union(*fixed)
    first = 0 if backward else min(every)
    stop = 15 if forward else max(every) + 1
    assert sorted(walked) == list(range(first, stop))


@given(objects)
def test_no_object_is_followed_backwards_out_of_a_leg(fixed):
    """So that its slices are final with it; but for the first, whose tail follows."""
    planned = plan_ranges(fixed, (0, 15))
    for leg in planned[1:]:
        if leg.forward and leg.backward:
            for slices in fixed:
                if any(z >= leg.start for z in slices):
                    assert leg.start - 1 in slices or not any(
                        leg.start <= z < leg.stop for z in slices
                    )


def test_the_stack_is_cut_where_all_objects_are_prompted():
    assert plan_ranges([{3, 6}, {3}], (0, 9)) == [
        SliceRange(3, 4, True, True),
        SliceRange(0, 3, False, True),
        SliceRange(4, 7, True, True),
        SliceRange(7, 9, True, False),
    ]
    assert plan_ranges([{3}, {6}], (3, 7)) == [SliceRange(3, 7, True, True)]


@pytest.mark.parametrize(
    ("given_", "span", "message"),
    [
        ([{0: CLICK}], (3, 3), "range 3 to 3"),
        ([{0: CLICK}], (0, 11), "0 to 10"),
        ([{10: CLICK}], None, "prompt is on slice 10; the stack has 0 to 9"),
        ([{-1: CLICK}], None, "prompt is on slice -1"),
        ([{1: CLICK}], (2, 5), "outside the range 2 to 5"),
        ([{1: CLICK}, {}], None, "object 1 has no prompt"),
        ([], None, "no objects"),
    ],
)
def test_prompts_outside(given_, span, message):
    with pytest.raises(PromptError, match=message):
        checked_range(span, 10, given_)


@pytest.mark.parametrize(
    ("objects", "wanted"),
    [
        ([{4}], (4, 8)),
        ([{7}], (4, 8)),
        ([{1}], (1, 8)),
        ([{9}], (4, 10)),
        ([{1}, {9}], (1, 10)),
    ],
)
def test_slices_are_propagated_from_the_nearest_known_one(objects, wanted):
    assert range_to_propagate({5, 6}, objects, (0, 12)) == wanted


def test_any_leading_axis_may_be_walked():
    image = open_image(np.zeros((3, 4, 8, 8), "u1"), axes="tzyx")
    where = image.leading_axes, image.leading_shape
    assert StackAxis.of(*where, None, (2,)).index(1) == {"t": 2, "z": 1}
    assert StackAxis.of(*where, None, {"t": 2}).index(1) == {"t": 2, "z": 1}
    assert StackAxis.of(*where, "t", 3).position(1) == (1, 3)
    for axis, index, message in [
        ("c", (0,), "no axis 'c'"),
        (None, (), r'index=\{"t": 0\}'),
        (None, {"z": 0}, r'index=\{"t": 0\}'),
        ("z", (3,), "t=3 is not from 0 to 2"),
    ]:
        with pytest.raises(PromptError, match=message):
            StackAxis.of(*where, axis, index)


def test_numbers_do_not_say_which_of_several_other_axes_they_are_for():
    where = "ptz", (2, 3, 4)
    with pytest.raises(PromptError, match=r'index=\{"p": 0, "t": 0\}'):
        StackAxis.of(*where, "z", (1, 2))
    assert StackAxis.of(*where, "z", {"t": 2, "p": 1}).position(3) == (1, 2, 3)


def test_spacing_comes_from_the_image_or_the_caller():
    image = open_image(np.zeros((3, 8, 8), "u1"), axes="zyx")
    assert checked_spacing(None, image, None) == 1
    assert checked_spacing(2.5, image, None) == 2.5
    for bad in (0, -1, float("nan"), float("inf")):
        with pytest.raises(PromptError, match="not a number above 0"):
            checked_spacing(bad, image, None)
    stack = Space.of("zyx", scale=(2, 0.5, 0.5), units="um")
    assert spacing_of(stack, "z") == pytest.approx(4)
    mixed = Space.of("zyx", scale=(500, 0.1, 0.1), units=("nm", "um", "um"))
    assert spacing_of(mixed, "z") == pytest.approx(5)
    unknown = Space.of("zyx", scale=(1, 0.5, 0.5), units=(None, "um", "um"))
    assert spacing_of(unknown, "z") is None
    assert spacing_of(Space.pixels("zyx"), "z") is None
    assert spacing_of(Space.pixels("tyx"), "t") == 1


def test_tolerances_widen_with_the_distance_of_slices():
    rules = StopRules(stability=0.3, overlap=0.5, area_jump=2)
    assert rules.broken(1, 1, 0.4, (100, 90), 1) == "overlap 0.40 below 0.5"
    assert rules.broken(1, 1, 0.4, (100, 90), 2) is None
    assert "area changed 3.0 times" in rules.broken(1, 1, 1, (100, 300), 1)
    assert "area changed" in rules.broken(1, 1, 1, (300, 100), 1)
    assert rules.broken(1, 1, 1, (100, 300), 2) is None
    assert rules.broken(1, 1, 1, (100, 0), 9) == "empty"
    assert "stability" in rules.broken(1, 0.1, 1, (9, 9), 9)
    assert "contrast" in rules.broken(0.1, 1, 1, (9, 9), 9)
    assert per_step(0.25, 2) == 0.5
    assert per_step(0.25, 0.5) == 0.25


@pytest.mark.parametrize(
    "wrong",
    [{"overlap": 1.5}, {"stability": -1}, {"area_jump": 0.5}, {"patience": -1}],
)
def test_rules_that_make_no_sense(wrong):
    with pytest.raises(PromptError, match="stop rule"):
        StopRules(**wrong)
