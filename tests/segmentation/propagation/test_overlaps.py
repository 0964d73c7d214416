"""Contested pixels, blending and what is asked on the next slice; no network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_hqsam.masks import Logits, Mask
from napari_hqsam.masks.algebra import iou
from napari_hqsam.segmentation.propagation import PromptTransfer
from napari_hqsam.segmentation.propagation.logit_maps import (
    blend,
    drop_unconnected,
    to_pixels,
)
from napari_hqsam.segmentation.propagation.overlaps import (
    GIVEN,
    PROPAGATED,
    Claim,
    resolve_overlaps,
)
from napari_hqsam.segmentation.propagation.prompt_transfer import (
    inner_points,
    next_prompts,
)
from napari_hqsam.segmentation.propagation.spill_buffer import SpillBuffer
from napari_hqsam.segmentation.propagation.tile_cover import assign_tiles, choose_level
from napari_hqsam.tiling import Grid


def disc(centre, radius, shape=(64, 64)):
    """Logits of a disc at two pixels a value; above 0 within the radius."""
    yy, xx = np.mgrid[: shape[0] : 2, : shape[1] : 2] + 0.5
    values = radius - np.hypot(yy - centre[0], xx - centre[1])
    return Logits(values.astype(np.float16), (0, 0), 2.0)


def mask_of(logits, shape=(64, 64)):
    offset, crop = to_pixels(logits, shape)
    return Mask.from_crop(crop, offset, 0.9, 0.9)


def box_mask(y0, x0, y1, x1):
    return Mask.from_crop(np.ones((y1 - y0, x1 - x0), bool), (y0, x0), 1, 1)


@given(
    st.lists(
        st.tuples(st.integers(5, 58), st.integers(5, 58), st.integers(3, 14)),
        min_size=2,
        max_size=5,
        unique=True,
    )
)
def test_masks_are_disjoint_and_the_surest_wins(discs):
    maps = [disc(d[:2], d[2]) for d in discs]
    claims = {i: Claim(mask_of(m), m) for i, m in enumerate(maps)}
    found = resolve_overlaps(claims, (), None)
    planes = np.stack([found[i].to_plane((64, 64)) for i in claims])
    before = np.stack([claims[i].mask.to_plane((64, 64)) for i in claims])
    assert (planes.sum(0) <= 1).all()
    np.testing.assert_array_equal(planes.any(0), before.any(0))  # nothing is lost
    fine = np.stack([m.on_grid((0, 0), 1.0, (64, 64)) for m in maps])
    best = np.where(before, fine, -np.inf).argmax(0)
    np.testing.assert_array_equal(planes.argmax(0)[planes.any(0)], best[planes.any(0)])


def test_what_the_user_said_goes_first_and_what_is_taken_to_nobody():
    sure, said = disc((30, 30), 12), box_mask(30, 30, 50, 50)
    claims = {0: Claim(mask_of(sure), sure, PROPAGATED), 1: Claim(said, None, GIVEN)}
    found = resolve_overlaps(claims, (), None)
    assert found[1] is said
    assert not found[0].to_plane((64, 64))[30:50, 30:50].any()
    taken = np.zeros((2, 64, 64), int)
    taken[1, :30] = 7
    for labels in (
        taken,
        lambda plane, box: taken[plane][box[0] : box[2], box[1] : box[3]],
    ):
        left = resolve_overlaps(claims, (1,), labels)[0].to_plane((64, 64))
        assert left.any()
        assert not left[:30].any()
    assert resolve_overlaps(claims, (0,), taken)[1] is said


def test_blending_moves_from_one_shape_to_the_other():
    one, other = disc((24, 30), 12), disc((36, 30), 12)
    rows = [
        np.mean(np.nonzero(mask_of(blend(one, other, share)).to_plane((64, 64)))[0])
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert rows == sorted(rows)
    assert np.abs(np.diff(rows) - 3).max() < 1.5
    half = mask_of(blend(one, disc((24, 30), 6), 0.5))
    assert 6 * 1.8 < half.bbox[2] - half.bbox[0] < 12 * 1.8


def test_blending_of_maps_on_other_grids():
    one = disc((24, 30), 12)
    other = Logits(one.on_grid((8, 12), 1.0, (40, 44)).astype("f2"), (8, 12), 1.0)
    assert iou(mask_of(blend(one, other, 0.5)), mask_of(one)) > 0.97


def test_only_parts_that_go_on_are_kept():
    values = np.maximum(disc((20, 20), 8).values, disc((50, 50), 8).values)
    both = Logits(values, (0, 0), 2.0)
    kept = mask_of(drop_unconnected(both, box_mask(15, 15, 25, 25), 2))
    assert kept.bbox[2] < 35
    split = Mask.from_crop(values > 0, (0, 0), 1, 1)
    before = Mask.from_crop(
        np.repeat(np.repeat(split.data, 2, 0), 2, 1), (12, 12), 1, 1
    )
    assert drop_unconnected(both, before, 2) is both or (
        mask_of(drop_unconnected(both, before, 2)).area == mask_of(both).area
    )
    assert drop_unconnected(both, box_mask(0, 60, 3, 63), 1) is both  # none goes on


def test_each_part_gets_a_point_and_specks_none():
    crop = np.zeros((40, 40), bool)
    crop[2:12, 2:12] = crop[20:36, 20:36] = crop[38, 1] = True
    points = inner_points(Mask.from_crop(crop, (5, 7), 1, 1))
    assert len(points) == 2
    for y, x in points:
        assert crop[int(y) - 5, int(x) - 7]
    assert inner_points(box_mask(3, 4, 4, 5)) == [(3.0, 4.0)]  # one pixel


def test_the_mask_before_makes_the_prompt():
    masks = {0: box_mask(10, 10, 20, 20), 1: box_mask(10, 22, 20, 32)}
    steps = dict.fromkeys(masks, 2.0)
    plain = next_prompts(masks, steps, (64, 64), PromptTransfer())
    assert plain[0].box == (9.5, 9.5, 19.5, 19.5)
    assert plain[0].point_labels == (1,)
    rich = next_prompts(masks, steps, (64, 64), PromptTransfer(negatives=1, margin=0.5))
    assert rich[0].box == (8.5, 8.5, 20.5, 20.5)
    assert rich[0].point_labels == (1, 0)
    assert rich[0].points[1] == rich[1].points[0]
    far = {0: masks[0], 1: box_mask(50, 50, 60, 60)}
    assert next_prompts(far, steps, (64, 64), PromptTransfer(negatives=1))[
        0
    ].point_labels == (1,)
    said = disc((30, 30), 12)
    offset, crop = to_pixels(said, (64, 64))
    seen = {0: Mask.from_crop(crop, offset, 1, 1, logits=said)}
    pointed = next_prompts(seen, steps, (64, 64), PromptTransfer())
    assert pointed[0].box is None
    assert pointed[0].logits is not None
    assert next_prompts(seen, steps, (64, 64), PromptTransfer(logits=False))[0].box


def test_a_known_object_where_another_was_gives_no_contradiction():
    mask = box_mask(10, 10, 20, 20)
    prompts = next_prompts(
        {0: mask}, {0: 1.0}, (64, 64), PromptTransfer(negatives=2), [mask]
    )
    assert prompts[0].point_labels == (1,)


def test_few_tiles_hold_many_objects():
    grid = Grid((512, 512), 128)
    corners = [(y, x) for y in (20, 60, 94) for x in (20, 60, 94)]
    boxes = {i: ((y, x, y + 20.0, x + 20.0), 0) for i, (y, x) in enumerate(corners)}
    boxes[9] = (120.0, 120.0, 140.0, 140.0), 0  # too near to the side of that tile
    chosen = assign_tiles(boxes, grid, 1 / 3)
    assert {chosen[i] for i in range(9)} == {grid.tile(0, 0, 0)}
    assert chosen[9] == grid.tile(0, 1, 1)
    middles = [((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b, _ in boxes.values()]
    assert len({grid.nearest(0, middle) for middle in middles}) == 4
    large = {0: ((100.0, 100.0, 300.0, 300.0), 0)}  # lies well in no tile
    assert assign_tiles(large, grid, 1 / 3)[0] == grid.nearest(0, (200, 200))


def test_a_level_is_kept_while_the_object_fits():
    grid = Grid((4096, 4096), 128)
    assert choose_level((0, 0, 40, 40), grid, None, 1 / 3) == 0
    assert choose_level((0, 0, 50, 50), grid, 0, 1 / 3) == 0  # afresh it would be 1
    assert choose_level((0, 0, 50, 50), grid, None, 1 / 3) == 1
    assert choose_level((0, 0, 100, 100), grid, 0, 1 / 3) == 2
    assert choose_level((0, 0, 5, 5), grid, 0, 1 / 3) == -3


@pytest.mark.parametrize("in_memory", [1 << 20, 10])
def test_a_shelf_gives_back_what_was_put(in_memory):
    with SpillBuffer(in_memory) as shelf:
        for key in range(20):
            shelf.put(key, np.full(50, key))
        for key in reversed(range(20)):
            assert (shelf.take(key) == key).all()
        assert shelf.take(3) is None
