"""Prompts from an instance decoder: seeds, points, and one object each."""

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
from napari_hqsam.segmentation.automatic.instances import object_scores
from napari_hqsam.segmentation.automatic.watershed import (
    find_seeds,
    grow_seeds,
    innermost_points,
)

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


class Decoding:
    """Instance decoder that knows the maps of what is bright."""

    def __call__(self, tile):
        grey = tile.features[0, 0].numpy()
        labels, _ = ndimage.label(grey > 0.5)
        return torch.from_numpy(instance_targets(labels))[None]


@pytest.fixture
def model(bright):
    found = bright(128)
    found.network.instance_decoder = Decoding()
    found.network.instance_maps = found.network.instance_decoder
    found.tuning = replace(found.tuning, ais=InstanceTuning(), apg=InstanceTuning())
    return found


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
    # one cheap look and one in full per object, where the lattice asks hundreds
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


def test_points_per_side_ask_for_the_lattice(discs, model):
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
