"""All objects of a plane, with a network whose answers are known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hqsam import Segmenter
from napari_hqsam.errors import ImageError, PromptError
from napari_hqsam.masks import Mask
from napari_hqsam.masks.metrics import iou
from napari_hqsam.segmentation import Rules, iter_everything, make_disjoint
from napari_hqsam.segmentation.automatic import best_level, rate_levels
from napari_hqsam.segmentation.automatic.grid_proposer import GridProposer
from napari_hqsam.segmentation.automatic.level_rating import rate_by_clicks
from napari_hqsam.segmentation.automatic.proposing import rows_of_tiles
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder
from napari_hqsam.tiling import Grid

CENTRES = [(40, 40), (64, 130), (130, 64), (150, 190), (200, 110), (60, 230), (215, 30)]
RADIUS = 14


@pytest.fixture
def discs(drawn, soft):
    """(240, 260) plane of discs, some on the borders of tiles of 128."""

    def value(y, x):
        return np.max([soft(RADIUS - np.hypot(y - r, x - c)) for r, c in CENTRES], 0)

    return drawn((240, 260), value)


@pytest.fixture
def counting(bright):
    """A model that counts prompts decoded without and with the HQ head."""
    model = bright(128)
    model.cheap = model.fine = 0
    decode = model.network.decode

    def counted(tile, prompts, *, hq=True):
        if hq:
            model.fine += len(prompts)
        else:
            model.cheap += len(prompts)
        return decode(tile, prompts, hq=hq)

    model.network.decode = counted
    return model


def segmenter_of(pixels, model):
    return Segmenter(pixels, model, normalization="none", cache=False)


def truths(shape):
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    return [np.hypot(yy - r, xx - c) <= RADIUS for r, c in CENTRES]


def grid_points(grid, region, points_per_side):
    """Points that all tiles of a region propose."""
    proposer = GridProposer(grid, 0, region, points_per_side)
    return [
        prompt.points[0]
        for row in rows_of_tiles(grid, 0, region)
        for tile in row
        for phase in proposer.propose(SimpleNamespace(tile=tile, is_flat=False))
        for prompt in (proposal.prompt for proposal in phase)
    ]


def test_every_object_is_found_once(discs, counting):
    segmenter = segmenter_of(discs, counting)
    masks = segmenter.segment_everything(level=0)
    assert len(masks) == len(CENTRES)
    for truth in truths(discs.shape):
        assert sum(iou(m.to_plane(discs.shape), truth) > 0.85 for m in masks) == 1
    rows, cols = segmenter.grid.shape(0)
    assert counting.network.encoded == rows * cols


def test_only_what_is_chosen_gets_the_hq_head(discs, counting):
    segmenter_of(discs, counting).segment_everything(level=0)
    assert counting.fine == len(CENTRES)
    assert counting.cheap > 5 * len(CENTRES)


def test_points_on_sure_objects_are_spared(discs, counting):
    every = len(grid_points(Grid(discs.shape, 128), (0, 0, 240, 260), 18))
    segmenter_of(discs, counting).segment_everything(level=0)
    spared = every - counting.cheap
    rules = Rules(sure_quality=2.0)  # nothing is ever sure
    counting.cheap = 0
    segmenter_of(discs, counting).segment_everything(level=0, rules=rules)
    assert counting.cheap > every - spared


def test_an_object_larger_than_a_tile_comes_whole_and_once(drawn, soft, bright):
    plane = drawn((200, 500), lambda y, x: soft(12 - np.hypot(y - 90, (x - 250) / 16)))
    masks = segmenter_of(plane, bright(128)).segment_everything(level=0)
    assert len(masks) == 1
    truth = plane[0:200, 0:500] > 127
    assert iou(masks[0].to_plane(plane.shape), truth) > 0.9


def test_what_is_taken_is_left_alone(discs, counting):
    taken = np.zeros(discs.shape, np.uint8)
    first, second = truths(discs.shape)[:2]
    taken[first] = 5
    taken[:, :131][second[:, :131]] = 6  # half of the second
    masks = segmenter_of(discs, counting).segment_everything(level=0, taken=taken)
    assert len(masks) < len(CENTRES)
    for mask in masks:
        assert not (mask.to_plane(discs.shape) & (taken > 0)).any()


def test_a_region_of_a_huge_plane_is_little_work(drawn, soft, bright):
    plane = drawn(
        (60_000, 50_000), lambda y, x: soft(9 - np.hypot(y % 40 - 20, x % 40 - 20))
    )
    model = bright(128)
    region = (30_000, 20_000, 30_100, 20_120)
    masks = segmenter_of(plane, model).segment_everything(level=0, region=region)
    assert 5 <= len(masks) <= 12
    assert model.network.encoded <= 16
    assert plane.largest_read <= 128**2
    assert plane.pixels_read < 60 * 128**2


def test_neighbouring_regions_share_the_grid():
    grid = Grid((500, 700), 128)

    whole = set(grid_points(grid, (0, 0, 500, 700), 9))
    parts = [
        set(grid_points(grid, (y, x, y + 250, x + 350), 9))
        for y in (0, 250)
        for x in (0, 350)
    ]
    assert set.union(*parts) == whole
    assert sum(map(len, parts)) == len(whole)


def test_masks_come_before_the_plane_is_through(drawn, soft, bright):
    plane = drawn((900, 128), lambda y, x: soft(14 - np.hypot(y % 80 - 40, x - 60)))
    model = bright(128)
    every = iter_everything(segmenter_of(plane, model), level=0)
    next(every)
    assert model.network.encoded <= 2
    assert len(list(every)) == 10


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((200, 150), np.uint8),
        np.full((200, 150), 255, np.uint8),
        np.full((1, 1), 200, np.uint8),
        np.full((60, 60), np.nan, np.float32),
    ],
    ids=["empty", "saturated", "one pixel", "nan"],
)
@pytest.mark.filterwarnings("ignore:array has values that are NaN")
def test_nothing_to_see_is_nothing_to_encode(pixels, bright):
    model = bright(128)
    spec = "none" if pixels.dtype == np.uint8 else (0, 1)
    segmenter = Segmenter(pixels, model, normalization=spec, cache=False)
    assert segmenter.segment_everything(level=0) == []
    assert model.network.encoded == 0


def test_what_rates_low_is_dropped(discs, bright):
    model = bright(128)
    decode = model.network.decode

    def unsure(tile, prompts, *, hq=True):
        found = decode(tile, prompts, hq=hq)
        return found._replace(iou=found.iou * 0.2)

    model.network.decode = unsure
    assert segmenter_of(discs, model).segment_everything(level=0) == []
    kind = Rules(quality=0.05, candidate_quality=0.05)
    found = segmenter_of(discs, model).segment_everything(level=0, rules=kind)
    assert len(found) == len(CENTRES)


def test_the_level_goes_by_the_size_that_is_given(discs, bright):
    segmenter = segmenter_of(discs, bright(128))
    decoder = PlaneDecoder(segmenter.source, segmenter.model, segmenter.grid, ())
    rated = rate_levels(decoder, (0, 0, 240, 260), rate_by_clicks, typical_size=28)
    assert best_level(rated) == 1  # an eighth of a tile of 256 plane pixels
    assert segmenter.model.network.encoded == 0
    assert best_level({0: 0.5, 1: 0.5, 2: 0.3}) == 1


def test_without_a_size_levels_are_sampled(discs, counting):
    corner = discs[slice(0, 140), slice(0, 150)]  # of three discs
    segmenter = segmenter_of(corner, counting)
    masks = segmenter.segment_everything()
    assert len(masks) == 3
    assert len({m.level for m in masks}) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 9)] * 2, st.floats(0, 1)),
        max_size=7,
    )
)
def test_disjoint_masks_share_no_pixel_and_the_best_loses_none(boxes):
    masks = [
        Mask((y, x, y + h, x + w), np.ones((h, w), bool), score, 1.0)
        for y, x, h, w, score in boxes
    ]
    kept = make_disjoint(masks)
    total = sum((m.to_plane((24, 24)).astype(int) for m in kept), np.zeros((24, 24)))
    assert total.max(initial=0) <= 1
    assert [m.score for m in kept] == sorted((m.score for m in kept), reverse=True)
    if masks:
        assert kept[0].area == max(masks, key=lambda m: (m.score, 0)).area or sum(
            m.score == kept[0].score for m in masks
        )


@pytest.mark.parametrize(
    ("how", "error", "says"),
    [
        ({"region": (0, 0, 0, 10)}, ImageError, "region"),
        ({"region": (0, 0, 999, 10)}, ImageError, "240 x 260"),
        ({"taken": np.zeros((3, 3), int)}, ImageError, "do not fit"),
        ({"points_per_side": 0}, PromptError, "points per side"),
        ({"typical_size": -1}, PromptError, "typical size"),
        ({"level": "whole"}, PromptError, "whole"),
        ({"plane": (3,)}, ImageError, "plane"),
    ],
)
def test_bad_input_is_told_before_any_work(discs, bright, how, error, says):
    model = bright(128)
    with pytest.raises(error, match=says):
        segmenter_of(discs, model).segment_everything(**how)
    assert model.network.encoded == 0


def test_progress_counts_tiles_and_may_end_the_work(discs, bright):
    calls = []

    def stop(done, total):
        calls.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segmenter_of(discs, bright(128)).segment_everything(level=0, progress=stop)
    assert calls == [(1, 12), (2, 12)]


def test_what_is_kept_and_how_closely_it_is_looked_for_is_the_models_own(
    discs, counting
):
    counting.tuning = replace(counting.tuning, points_per_side=9)
    segmenter_of(discs, counting).segment_everything(level=0)
    few, counting.cheap = counting.cheap, 0
    counting.tuning = replace(counting.tuning, points_per_side=18)
    segmenter_of(discs, counting).segment_everything(level=0)
    assert counting.cheap > 2 * few
    counting.tuning = replace(counting.tuning, quality=1.0, candidate_quality=1.0)
    assert segmenter_of(discs, counting).segment_everything(level=0) == []
    # what rules say goes before, and what they leave open stays the model's
    kind = Rules(candidate_quality=0.2)
    found = segmenter_of(discs, counting).segment_everything(level=0, rules=kind)
    assert len(found) == len(CENTRES)


def test_a_model_may_want_to_see_objects_larger(discs, bright):
    model = bright(128)
    model.tuning = replace(model.tuning, automatic_share=1 / 4)
    segmenter = segmenter_of(discs, model)
    decoder = PlaneDecoder(segmenter.source, model, segmenter.grid, ())
    rated = rate_levels(decoder, (0, 0, 240, 260), rate_by_clicks, typical_size=28)
    assert best_level(rated) == 0
