"""Logits of an answer, kept small and sampled wherever they are wanted again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hqsam.errors import PromptError
from napari_hqsam.masks import Logits
from napari_hqsam.prompts import Prompt

at_leisure = settings(deadline=None)


def disc(side, centre, radius):
    """Logits that fall by 1 a value from a disc's rim to -6."""
    r, c = np.ogrid[:side, :side]
    distance = np.hypot(r - centre[0], c - centre[1])
    return np.clip(radius - distance, -6, 6).astype(np.float32)


@at_leisure
@given(
    st.integers(-3, 4),
    st.integers(0, 50),
    st.integers(0, 50),
    st.floats(5, 40),
    st.floats(5, 40),
)
def test_on_their_own_grid_they_are_the_very_values(level, row, col, y, x):
    pitch = 4 * 2.0**level
    values = disc(48, (y, x), 4)
    offset = row * 24 * pitch, col * 24 * pitch
    kept = Logits.near_object(values, offset, pitch)
    again = kept.on_grid(offset, pitch, values.shape)
    half = values.astype(np.float16).astype(np.float32)
    near = values > -1
    np.testing.assert_array_equal(again[near], half[near])
    assert again[~near].max() <= -1
    assert kept.values.size <= (2 * 4 + 2 + 1 + 2 * 8) ** 2


def test_half_a_grid_aside_and_a_level_apart_the_object_stays_where_it_is():
    values = disc(48, (20, 30), 8)
    kept = Logits.near_object(values, (100.0, 200.0), 4.0)
    # centre of value [20, 30]: 100 + 20.5 * 4, 200 + 30.5 * 4
    for pitch in (2.0, 4.0, 8.0):
        offset = 100 + 24.0, 200 + 24.0
        shape = (round(160 / pitch), round(160 / pitch))
        r, c = np.nonzero(kept.on_grid(offset, pitch, shape) > 0)
        middle = (
            offset[0] + (r.mean() + 0.5) * pitch,
            offset[1] + (c.mean() + 0.5) * pitch,
        )
        assert middle == pytest.approx((182, 322), abs=1)
        assert len(r) * pitch**2 == pytest.approx(np.pi * 32**2, rel=0.06)


def test_an_object_that_its_tile_cuts_goes_on_beyond():
    values = disc(32, (16, 31), 8)
    kept = Logits.near_object(values, (0.0, 0.0), 1.0)
    beyond = kept.on_grid((0.0, 24.0), 1.0, (32, 32))
    assert (beyond[16] > 0).all()
    assert (beyond[0] < 0).all()


def test_there_are_none_where_there_is_no_object():
    assert (
        Logits.near_object(np.full((8, 8), -0.5, np.float32), (0.0, 0.0), 4.0) is None
    )


def test_the_prompt_looks_where_the_object_was_found():
    values = np.full((16, 16), 2, np.float16)
    logits = Logits(values, (100, 200), 4.0, box=(111.5, 215.5, 123.5, 247.5))
    assert Prompt([(116, 240)], logits=logits).focus == logits.box
    assert Prompt([(130, 240)], logits=logits).focus == (111.5, 215.5, 130, 247.5)
    nowhere = Prompt([(116, 240)], logits=Logits(values, (100, 200), 4.0))
    assert nowhere.focus == (116, 240, 116, 240)


def test_they_go_with_a_prompt_and_are_no_part_of_it():
    logits = Logits.near_object(disc(16, (8, 8), 4), (0.0, 0.0), 4.0)
    prompt = Prompt([(30, 30)], logits=logits)
    assert prompt.logits is logits
    assert prompt == Prompt([(30, 30)])
    assert prompt.clip_to((64, 64)).logits is logits
    box = Prompt([(30, 30)], box=(-5, 0, 40, 40), logits=logits).clip_to((64, 64))
    assert box.logits is logits
    with pytest.raises(PromptError, match="a mask and logits in one prompt"):
        Prompt(mask=np.ones((4, 4), bool), mask_offset=(0, 0), logits=logits)
    with pytest.raises(PromptError, match="empty"):
        Prompt(logits=logits)
