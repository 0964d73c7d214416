"""A prompt normalises what it is given and refuses what cannot be used."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from napari_hqsam.errors import PromptError
from napari_hqsam.prompts import Prompt

BLOB = np.zeros((20, 30), np.bool_)
BLOB[4:9, 10:14] = True


def test_plain_tuples_come_out_whatever_sequences_go_in():
    prompt = Prompt(
        points=np.array([[3, 4], [5, 6]], np.int16),
        point_labels=np.array([True, False]),
        box=[np.float32(1), 2, 8, 9],
        label_id=np.uint8(7),
        plane=[np.int64(3), 0],
    )
    assert prompt.points == ((3.0, 4.0), (5.0, 6.0))
    assert prompt.point_labels == (1, 0)
    assert prompt.box == (1.0, 2.0, 8.0, 9.0)
    assert (prompt.label_id, prompt.plane) == (7, (3, 0))
    assert all(type(c) is float for point in prompt.points for c in point)
    assert Prompt(points=[(1, 2), (3, 4)]).point_labels == (1, 1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "empty"),
        ({"points": []}, "empty"),
        ({"points": [(1, 2)], "point_labels": [0]}, "only negative"),
        ({"points": [(1, np.nan)]}, "not finite"),
        ({"points": [(1, np.inf)]}, "not finite"),
        ({"points": [(1, 2e9)]}, "beyond 1e"),
        ({"points": (1, 2)}, "pairs"),
        ({"points": 5}, "not a list"),
        ({"points": [(1, 2, 3)]}, "pairs"),
        ({"points": [("a", 2)]}, "pairs"),
        ({"points": [(1, 2)], "point_labels": [1, 0]}, "2 point labels for 1 points"),
        ({"points": [(1, 2)], "point_labels": 1}, "not a list"),
        ({"points": [(1, 2)], "point_labels": [2]}, "label 2"),
        ({"points": [(1, 2), (1, 2)], "point_labels": [1, 0]}, "both positive and"),
        ({"box": (1, 2, 3)}, "not \\(y0"),
        ({"box": (1, 2, 1, 5)}, "no area"),
        ({"box": (5, 2, 1, 5)}, "no area"),
        ({"box": (1, 2, 3, np.inf)}, "not finite"),
        ({"mask": np.zeros((4, 4), np.bool_)}, "no object"),
        ({"mask": -np.ones((4, 4))}, "no object"),
        ({"mask": np.full((4, 4), np.nan)}, "NaN"),
        ({"mask": np.ones((4, 4, 3))}, "3 axes"),
        ({"mask": np.ones((4, 4), np.complex64)}, "complex64"),
        ({"mask": BLOB, "mask_offset": (1, 2, 3)}, "mask offset"),
        ({"mask": BLOB, "mask_offset": (1, 10**30)}, "mask offset"),
        ({"box": (1, 2, 3, 4), "mask_offset": (1, 2)}, "mask offset"),
        ({"box": (1, 2, 3, 4), "label_id": 0}, "below 1"),
        ({"box": (1, 2, 3, 4), "label_id": 1.5}, "whole"),
        ({"box": (1, 2, 3, 4), "plane": (-1,)}, "below 0"),
    ],
)
def test_unusable_prompts_are_refused_in_one_line(given, message):
    with pytest.raises(PromptError, match=message) as caught:
        Prompt(**given)
    assert "\n" not in str(caught.value)


def test_negative_points_are_fine_beside_a_box_or_mask():
    assert Prompt([(1, 2)], [0], box=(0, 0, 9, 9)).point_labels == (0,)
    assert Prompt([(1, 2)], [0], mask=BLOB).point_labels == (0,)


def test_integer_masks_become_bool_and_logits_stay():
    assert Prompt(mask=BLOB * np.uint8(255)) == Prompt(mask=BLOB)
    logits = np.where(BLOB, 3.0, -3.0).astype(np.float32)
    prompt = Prompt(mask=logits)
    assert prompt.mask.dtype == np.float32
    np.testing.assert_array_equal(prompt.foreground, BLOB)


def test_prompt_cannot_be_changed_and_does_not_freeze_the_callers_mask():
    mask = BLOB.copy()
    prompt = Prompt(mask=mask)
    with pytest.raises(AttributeError):
        prompt.box = (0, 0, 1, 1)
    with pytest.raises(ValueError, match="read-only"):
        prompt.mask[0, 0] = True
    mask[0, 0] = True


def test_equality_and_hash_look_at_all_fields():
    def make(**changes):
        return Prompt(**{"points": [(1, 2)], "mask": BLOB, "plane": (1,)} | changes)

    assert make() == make()
    assert hash(make()) == hash(make())
    assert len({make(), make(), make(label_id=2)}) == 2
    assert make() != make(mask=None)
    assert make() != make(mask=BLOB.astype(float))
    assert make() != make(mask=~BLOB)
    assert make() != make(plane=(2,))
    assert make() != make(mask_offset=(0, 0))
    assert make() != "a prompt"
    assert pickle.loads(pickle.dumps(make())) == copy.deepcopy(make()) == make()


def test_extent_holds_all_that_was_given():
    assert Prompt([(3, 4)]).extent == (3, 4, 3, 4)
    assert Prompt([(3, 4), (9, 1)], [1, 0]).extent == (3, 1, 9, 4)
    assert Prompt([(3, 4)], box=(1, 2, 8, 9)).extent == (1, 2, 8, 9)
    assert Prompt(mask=BLOB).extent == (3.5, 9.5, 8.5, 13.5)
    logits = np.where(BLOB, 1.0, -1.0)
    offset = Prompt(mask=logits, mask_offset=(-2, 100))
    assert offset.extent == (1.5, 109.5, 6.5, 113.5)
    assert Prompt([(0, 0)], mask=BLOB).extent == (0, 0, 8.5, 13.5)


@pytest.mark.parametrize("y", [-0.5, 0, 19.5])
def test_points_on_the_plane_pass_up_to_the_edge_of_the_outer_pixels(y):
    Prompt([(y, 29.5)]).check_on((20, 30))


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt([(-0.51, 3)]),
        Prompt([(19.51, 3)]),
        Prompt([(3, -0.51)]),
        Prompt([(3, 29.51)]),
        Prompt([(3, 3), (3, 40)], [1, 0]),
        Prompt(box=(25, 0, 30, 5)),
        Prompt(box=(-9, 0, -0.5, 5)),
        Prompt(mask=BLOB[:, :-1]),
        Prompt(mask=BLOB, mask_offset=(16, 0)),
        Prompt(mask=BLOB, mask_offset=(0, -14)),
        Prompt(mask=BLOB, mask_offset=(-100, 0)),
    ],
)
def test_prompts_off_the_plane_are_refused(prompt):
    with pytest.raises(PromptError, match="plane"):
        prompt.check_on((20, 30))


def test_boxes_that_stick_out_are_clipped():
    box = Prompt([(1, 1)], box=(-4, 3, 10, 50))
    box.check_on((20, 30))
    assert box.clip_to((20, 30)) == Prompt([(1, 1)], box=(-0.5, 3, 10, 29.5))


@pytest.mark.parametrize("offset", [(-6, 17), (13, -12), (-6, -12), (13, 17)])
def test_masks_that_stick_out_are_clipped(offset):
    clipped = Prompt(mask=BLOB, mask_offset=offset, label_id=3).clip_to((20, 30))
    full = np.zeros((80, 120), np.bool_)
    full[30 + offset[0] : 50 + offset[0], 40 + offset[1] : 70 + offset[1]] = BLOB
    y, x = clipped.mask_offset
    expected = np.zeros((20, 30), np.bool_)
    expected[y : y + clipped.mask.shape[0], x : x + clipped.mask.shape[1]] = (
        clipped.mask
    )
    np.testing.assert_array_equal(expected, full[30:50, 40:70])
    assert expected.any()
    assert clipped.label_id == 3


def test_clipping_leaves_a_prompt_within_the_plane_alone():
    prompt = Prompt([(1, 1)], box=(0, 0, 5, 5), mask=BLOB)
    assert prompt.clip_to((20, 30)) is prompt
