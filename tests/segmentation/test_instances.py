"""Prompts from an instance decoder: seeds, points, and one object each."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_hqsam import Segmenter
from napari_hqsam.errors import PromptError
from napari_hqsam.masks.instance_maps import instance_targets
from napari_hqsam.masks.metrics import iou
from napari_hqsam.models import InstanceTuning
from napari_hqsam.segmentation.automatic import (
    best_level,
    iter_everything,
    rate_levels,
)
from napari_hqsam.segmentation.automatic.instances import object_scores
from napari_hqsam.segmentation.automatic.level_rating import Rating
from napari_hqsam.segmentation.automatic.watershed import (
    find_seeds,
    grow_seeds,
    innermost_points,
)
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder
from tests.helpers.bright_network import add_instance_decoder

CENTRES = [(40, 40), (64, 130), (130, 64), (150, 190), (200, 110), (60, 230), (215, 30)]
RADIUS = 14
SEEDS = [InstanceTuning(), InstanceTuning(depth=0.25)]


def touching():
    """Two discs that touch, and one apart."""
    yy, xx = np.mgrid[:60, :90]
    labels = np.zeros((60, 90), np.int32)
    for i, (y, x, r) in enumerate([(20, 20, 12), (20, 43, 12), (45, 75, 9)], 1):
        labels[(np.hypot(yy - y, xx - x) <= r) & (labels == 0)] = i
    return labels


@pytest.mark.parametrize("tuning", SEEDS, ids=["thresholds", "depth"])
def test_each_object_has_a_seed_of_its_own(tuning):
    labels = touching()
    # the two discs are one piece of foreground: the distances tell them apart
    assert ndimage.label(labels > 0)[1] == 2
    seeds = find_seeds(instance_targets(labels), tuning)
    assert seeds.labels.max() == 3
    below = [np.unique(labels[seeds.labels == i]).tolist() for i in (1, 2, 3)]
    assert sorted(below) == [[1], [2], [3]]
    grown = grow_seeds(seeds, tuning, 6)
    for i in (1, 2, 3):
        (j,) = np.unique(labels[seeds.labels == i])
        assert iou(grown == i, labels == j) > 0.95


def test_seeds_by_depth_need_contrast_not_low_values():
    """A decoder that is never sure of the distances, only of where they are less."""
    labels = touching()
    maps = instance_targets(labels)
    maps[1:] = 0.55 + 0.4 * (maps[1:] - 0.5)
    assert find_seeds(maps, InstanceTuning(centre=0.3, boundary=0.3)).labels.max() == 0
    assert find_seeds(maps, InstanceTuning(depth=0.15)).labels.max() == 3
    ripples = 0.03 * np.random.default_rng(0).standard_normal(labels.shape)
    assert find_seeds(maps + ripples, InstanceTuning(depth=0.15)).labels.max() == 3


@pytest.mark.parametrize("tuning", SEEDS, ids=["thresholds", "depth"])
def test_where_nothing_is_there_are_no_seeds(tuning):
    maps = np.ones((3, 20, 30), np.float32)
    maps[0] = 0
    seeds = find_seeds(maps, tuning)
    assert seeds.labels.max() == 0
    assert grow_seeds(seeds, tuning, 6).max() == 0


def test_objects_score_by_how_well_the_maps_fit_them():
    labels = touching()
    maps = instance_targets(labels)
    assert object_scores(maps, labels) == pytest.approx([1, 1, 1])
    merged = np.where(labels == 2, 1, labels)  # two discs taken for one
    scores = object_scores(maps, merged)
    assert scores[0] < 0.9
    assert scores[1] == 0  # no object has this label
    assert scores[2] == pytest.approx(1)


def test_a_point_is_the_innermost_pixel_of_its_object():
    labels = np.zeros((20, 40), np.int32)
    labels[5:14, 3:12] = 1
    labels[0:9, 30:39] = 2  # on the border, which is no boundary
    (first, second) = innermost_points(labels)
    assert first.tolist() == [9, 7]
    assert second[0] < 4
    assert innermost_points(np.zeros((5, 5), np.int32)).shape == (0, 2)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31))
def test_points_lie_on_their_objects(seed):
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.standard_normal((30, 40)), 2)
    labels, count = ndimage.label(noise > np.quantile(noise, 0.6), output=np.int32)
    points = innermost_points(labels)
    assert labels[tuple(points.T)].tolist() == list(range(1, count + 1))


# --- on a plane ------------------------------------------------------------


@pytest.fixture
def model(bright):
    return add_instance_decoder(bright(128))


@pytest.fixture
def discs(drawn, soft):
    def value(y, x):
        return np.max([soft(RADIUS - np.hypot(y - r, x - c)) for r, c in CENTRES], 0)

    return drawn((240, 260), value)


def segmenter_of(pixels, model):
    return Segmenter(pixels, model, normalization="none", cache=False)


def test_each_object_is_prompted_once_and_found_once(discs, model):
    masks = segmenter_of(discs, model).segment_everything(level=0)
    assert len(masks) == len(CENTRES)
    yy, xx = np.mgrid[:240, :260]
    for y, x in CENTRES:
        truth = np.hypot(yy - y, xx - x) <= RADIUS
        assert sum(iou(m.to_plane(discs.shape), truth) > 0.85 for m in masks) == 1
    # one cheap look and one in full per object, where the grid asks hundreds
    few = model.network.decoded
    assert few <= 3 * len(CENTRES)
    segmenter_of(discs, model).segment_everything(level=0, proposer="grid")
    assert model.network.decoded - few > 10 * len(CENTRES)


def test_what_counts_as_an_object_is_the_models_own(discs, model):
    """An instance decoder that is never sure of the foreground."""
    maps = model.network.instance_decoder
    faint = torch.tensor([0.4, 1, 1])[:, None, None]
    model.network.instance_maps = lambda tile: maps(tile) * faint
    assert segmenter_of(discs, model).segment_everything(level=0) == []
    model.tuning = replace(model.tuning, apg=InstanceTuning(foreground=0.3))
    masks = segmenter_of(discs, model).segment_everything(level=0)
    assert len(masks) == len(CENTRES)


def test_a_region_holds_the_points_of_its_objects_alone(discs, model):
    region = (0, 0, 120, 100)
    masks = segmenter_of(discs, model).segment_everything(level=0, region=region)
    assert len(masks) == 1
    assert masks[0].to_plane(discs.shape)[40, 40]


def test_objects_that_are_taken_get_no_prompt(discs, model):
    taken = np.zeros(discs.shape, np.uint8)
    taken[20:60, 20:60] = 1
    masks = segmenter_of(discs, model).segment_everything(level=0, taken=taken)
    assert len(masks) == len(CENTRES) - 1


def test_points_per_side_ask_for_the_grid(discs, model):
    segmenter = segmenter_of(discs, model)
    segmenter.segment_everything(level=0, points_per_side=9)
    assert model.network.decoded > 5 * len(CENTRES)
    with pytest.raises(PromptError, match="points per side must be from 1 to 32"):
        segmenter.segment_everything(level=0, points_per_side=0)
    with pytest.raises(PromptError, match='are for proposer "grid"'):
        segmenter.segment_everything(level=0, proposer="apg", points_per_side=9)


def test_a_model_without_instance_decoder_says_what_to_use(discs, bright):
    segmenter = segmenter_of(discs, bright(128))
    with pytest.raises(PromptError, match='use "grid"'):
        segmenter.segment_everything(level=0, proposer="apg")
    with pytest.raises(PromptError, match="auto, apg, ais, grid"):
        segmenter.segment_everything(level=0, proposer="lattice")
    assert len(segmenter.segment_everything(level=0)) == len(CENTRES)


# --- a watershed instead of SAM ----------------------------------------------


def test_a_watershed_finds_each_object_once_without_the_mask_decoder(discs, model):
    masks = segmenter_of(discs, model).segment_everything(level=0, proposer="ais")
    assert model.network.decoded == 0
    assert len(masks) == len(CENTRES)
    yy, xx = np.mgrid[:240, :260]
    for y, x in CENTRES:
        truth = np.hypot(yy - y, xx - x) <= RADIUS
        assert sum(iou(m.to_plane(discs.shape), truth) > 0.8 for m in masks) == 1


def test_an_object_larger_than_the_stitched_maps_is_left_to_sam(drawn, soft, model):
    plane = drawn((200, 500), lambda y, x: soft(12 - np.hypot(y - 90, (x - 250) / 16)))
    masks = segmenter_of(plane, model).segment_everything(level=0, proposer="ais")
    truth = plane[0:200, 0:500] > 127
    assert model.network.decoded > 0
    assert max(iou(m.to_plane(plane.shape), truth) for m in masks) > 0.9
    assert sum(m.area for m in masks) < 1.2 * truth.sum()


def test_the_maps_of_a_tile_are_computed_once(discs, model):
    maps, calls = model.network.instance_maps, []

    def counted(tile):
        calls.append(tile)
        return maps(tile)

    model.network.instance_maps = counted
    segmenter = segmenter_of(discs, model)
    rows, columns = segmenter.grid.shape(0)
    segmenter.segment_everything(level=0, proposer="ais")
    segmenter.segment_everything(level=0, proposer="apg")
    assert len(calls) == rows * columns


@pytest.mark.parametrize("proposer", ["apg", "ais"])
def test_an_empty_plane_is_not_encoded(model, proposer):
    segmenter = segmenter_of(np.full((300, 300), 7, np.uint8), model)
    assert segmenter.segment_everything(proposer=proposer) == []
    assert model.network.encoded == 0


# --- many objects, large ones, large planes ------------------------------------


def grid_of_discs(drawn, soft, shape, step, radius):
    def value(y, x):
        return soft(radius - np.hypot(y % step - step / 2, x % step - step / 2))

    return drawn(shape, value)


@pytest.mark.parametrize(
    ("proposer", "rows", "columns"), [("apg", 12, 20), ("ais", 25, 50)]
)
def test_very_many_objects_come_once_each(drawn, soft, model, proposer, rows, columns):
    plane = grid_of_discs(drawn, soft, (20 * rows, 20 * columns), 20, 6)
    masks = segmenter_of(plane, model).segment_everything(level=0, proposer=proposer)
    found = np.zeros((rows, columns), int)
    for mask in masks:
        y0, x0, y1, x1 = mask.bbox
        found[(y0 + y1) // 40, (x0 + x1) // 40] += 1
    assert (found == 1).all()


@pytest.mark.parametrize("level", [0, "auto"])
@pytest.mark.parametrize("proposer", ["apg", "ais"])
def test_an_object_as_large_as_the_plane_is_found(model, proposer, level):
    plane = np.full((300, 260), 20, np.uint8)
    plane[4:-4, 4:-4] = 220
    masks = segmenter_of(plane, model).segment_everything(
        level=level, proposer=proposer
    )
    assert len(masks) == 1
    assert iou(masks[0].to_plane(plane.shape), plane > 127) > 0.9


def test_the_memory_of_a_plane_is_that_of_a_few_rows_of_tiles(drawn, soft, model):
    """What is held does not grow with the plane, and no tile is encoded twice."""

    def peak(height):
        plane = grid_of_discs(drawn, soft, (height, 200), 40, 12)
        segmenter = segmenter_of(plane, model)
        rows, columns = segmenter.grid.shape(0)
        source = segmenter.source
        source.memory.max_bytes = 1
        source.maps.max_bytes = 3 * columns * 3 * 32 * 32 * 2  # three rows of tiles
        tracemalloc.start()
        found = 0
        for mask in iter_everything(segmenter, level=0, proposer="ais"):
            found += mask.area > 0
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert found == height // 40 * 5
        assert source.encoded == rows * columns
        return most

    few = peak(400)
    assert peak(1600) < 1.25 * few


def test_a_level_is_rated_on_several_tiles(discs, model):
    """The tile in the middle happens to look best at the finest level."""
    segmenter = segmenter_of(discs, model)
    decoder = PlaneDecoder(segmenter.source, model, segmenter.grid, ())
    middle = segmenter.grid.nearest(-1, (119.5, 129.5))

    def rate(view):
        if view.tile == middle:
            return Rating(0.9, None, 1.0)
        level = view.tile.address.level
        return Rating({2: 0.3, 1: 0.5, 0: 0.6}.get(level, 0.1), None, 1.0)

    rated = rate_levels(decoder, (0, 0, 240, 260), rate)
    assert best_level(rated) == 0
    # tiles where nothing is found say nothing about a level
    rated = rate_levels(
        decoder,
        (0, 0, 240, 260),
        lambda view: rate(view) if view.tile == middle else Rating(0.0),
    )
    assert best_level(rated) == -1


def test_the_level_is_the_one_whose_maps_fit_their_objects(discs, model):
    """A decoder that is at a loss with objects larger than 40 network pixels."""
    maps = model.network.instance_maps

    def confused(tile):
        found = maps(tile).clone()
        labels, _ = ndimage.label(found[0, 0].numpy() > 0.5)
        for i, box in enumerate(ndimage.find_objects(labels), 1):
            if box[0].stop - box[0].start > 10:
                found[0, 1:, labels == i] = 0.6
        return found

    model.network.instance_maps = confused
    masks = segmenter_of(discs, model).segment_everything(proposer="ais")
    assert {m.level for m in masks} <= {0, 1}
    assert len(masks) == len(CENTRES)


def test_objects_that_a_click_does_not_give_are_prompted_by_their_box(discs, model):
    """A decoder of prompts that is sure of itself where it is given a box, only."""
    decode = model.network.decode

    def doubtful(tile, prompts, *, hq=True):
        found = decode(tile, prompts, hq=hq)
        boxed = torch.tensor([2 in row for row in prompts.labels.tolist()])
        return found._replace(iou=torch.where(boxed[:, None], 0.7, 0.2).repeat(1, 4))

    model.network.decode = doubtful
    model.tuning = replace(model.tuning, prompted_quality=0.3)
    assert segmenter_of(discs, model).segment_everything(level=0) == []
    model.tuning = replace(model.tuning, boxed_quality=0.5)
    assert len(segmenter_of(discs, model).segment_everything(level=0)) == len(CENTRES)
    model.tuning = replace(model.tuning, boxed_quality=0.9)
    assert segmenter_of(discs, model).segment_everything(level=0) == []
