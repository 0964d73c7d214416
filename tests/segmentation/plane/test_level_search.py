"""Which levels a click of unknown size is decoded at, and which of them is taken."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_hqsam import Prompt
from napari_hqsam.models import Tuning
from napari_hqsam.segmentation.plane.decoding import TilePrediction
from napari_hqsam.segmentation.plane.level_search import LevelSearch
from napari_hqsam.segmentation.plane.levels import is_searched, tile_for
from napari_hqsam.tiling import Grid

GRID = Grid((8000, 8000), 448)
CLICK = Prompt([(4000, 4000)])


def predicted(level, radius, score=0.8, grid=GRID):
    """Predict a disc of a radius in plane pixels round the click."""
    tile = tile_for(CLICK, grid, level)
    side = 4 * 2.0**level * (np.arange(112) + 0.5)
    y, x = side + tile.region[0], side + tile.region[1]
    (cy, cx), *_ = CLICK.points
    away = np.hypot(y[:, None] - cy, x - cx)
    logits = torch.from_numpy(np.where(away < radius, 6.0, -6.0).astype(np.float32))
    return TilePrediction(tile, logits.repeat(4, 1, 1), None, (score,) * 4)


def searched(
    answer,
    first=(1, 0, -1),
    *,
    prompt=CLICK,
    affordable=lambda tile: True,
    view=None,
):
    """Return the level taken and those decoded, where `answer` predicts a level."""
    decoder = SimpleNamespace(grid=GRID, is_affordable=affordable)
    search = LevelSearch(decoder, "sam", 0, Tuning(cut_factor=0.8), view)
    found = [answer(level) for level in first]
    while tiles := search.further_tiles({7: prompt}, {7: found}):
        found += [answer(tile.address.level) for tile in tiles[7]]
    levels = [each.tile.address.level for each in found]
    assert len(set(levels)) == len(levels)
    return search.best(prompt, found).tile.address.level, sorted(levels)


@pytest.mark.parametrize("best", [-3, -1, 0, 1, 4])
def test_levels_are_decoded_until_those_beside_are_worse(best):
    def answer(level):
        return predicted(level, 60 * 2.0**best, 0.9 - 0.1 * abs(level - best))

    taken, decoded = searched(answer)
    assert taken == best
    ends = max(best - 1, -3), best + 1
    assert decoded == list(range(min(ends[0], -1), max(ends[1], 1) + 1))


def test_a_size_that_is_known_is_not_searched():
    several, one = Tuning(first_levels=(0, -2)), Tuning(first_levels=(0,))
    assert is_searched(CLICK, several)
    assert not is_searched(CLICK, one)
    assert not is_searched(CLICK, several, typical_size=30)
    assert not is_searched(Prompt(box=(10, 10, 50, 50)), several)
    assert not is_searched(Prompt([(20, 20)], box=(10, 10, 50, 50)), several)


@pytest.mark.parametrize("first", [[2], [-3]])
def test_a_search_may_begin_with_one_level(first):
    def answer(level):
        return predicted(level, 60, 0.9 - 0.1 * abs(level))

    assert searched(answer, first=first)[0] == 0


def test_a_faint_mask_is_better_than_none():
    """No logit above 1: the stability is 0."""

    def answer(level):
        found = predicted(level, 40 if level == -2 else -1)
        return TilePrediction(found.tile, found.sam / 10, None, found.scores)

    assert searched(answer, first=(0, -2)) == (-2, [-3, -2, -1, 0])


def test_a_negative_score_is_no_better_for_being_cut():
    def answer(level):
        return predicted(level, 60 if level < 1 else 2000, -0.1)

    assert searched(answer)[0] == 0


@pytest.mark.parametrize("labels", [(1, 1), (1, 0)])
def test_a_mask_counts_less_that_does_not_obey_all_clicks(labels):
    """A second click 60 pixels away: on the object, or on what is not of it."""
    large = 100 if labels == (1, 1) else 30
    prompt = Prompt([(4000, 4000), (4000, 4060)], labels)

    def answer(level):
        obeys = level == 1
        return predicted(level, large if obeys else 130 - large, 0.8 if obeys else 0.9)

    assert searched(answer, prompt=prompt)[0] == 1


def test_a_mask_counts_less_that_reaches_the_side_of_its_tile():
    def answer(level):  # 200 pixels wide: at level -1 a tile shows 224, not centred
        return predicted(level, 100, 0.9 if level < 0 else 0.8)

    assert searched(answer, first=(1, 0, -1))[0] == 0
    # nothing but coarser levels show all of it
    assert searched(lambda level: predicted(level, 1200), first=(1, 0))[0] == 3


def test_of_equal_levels_no_more_are_decoded():
    assert searched(lambda level: predicted(level, 16))[1] == [-1, 0, 1]


def test_the_view_counts_as_for_the_first_levels():
    """A spot of 20 pixels in a cell of 300: the zoom tells which is meant."""

    def answer(level):
        return predicted(level, 150 if level >= 0 else 10)

    assert searched(answer, first=(1, -1), view=2000)[0] >= 0
    assert searched(answer, first=(1, -1), view=120)[0] < 0


def test_a_tile_that_costs_too_much_to_read_is_not_decoded():
    def answer(level):
        return predicted(level, 3000, 0.5 + 0.05 * level)

    _, decoded = searched(answer, affordable=lambda tile: tile.address.level < 3)
    assert max(decoded) == 2


def test_an_empty_mask_is_the_last_to_be_taken():
    def answer(level):
        return predicted(level, 40 if level == -1 else -1, 0.3 if level == -1 else 0.9)

    assert searched(answer)[0] == -1
    assert searched(lambda level: predicted(level, -1)) == (0, [-1, 0, 1])
