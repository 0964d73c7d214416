"""One click at every level, and how far "auto" is from the best."""

import numpy as np

from napari_hqsam.evaluation.levels import best_level, level_scores, view_scores
from tests.evaluation.fake_segmenter import ToldSegmenter, mask_of


def test_every_level_of_the_grid_is_tried_with_the_same_clicks():
    truth = np.zeros((20, 20), bool)
    truth[5:15, 5:15] = True
    half = truth & (np.arange(20) < 10)
    segmenter = ToldSegmenter(half, half, truth, half, half, half)
    scores = level_scores(segmenter, [mask_of(truth)])
    assert segmenter.levels == ["auto", 1, 0, -1, -2, -3]
    assert len({prompt.points for prompt in segmenter.prompts}) == 1
    assert scores == {
        **{"auto": 0.5, "1": 0.5, "0": 1.0, "-1": 0.5, "-2": 0.5, "-3": 0.5},
        "oracle": 1.0,
    }
    assert best_level(scores) == ("0", 0.5)


def test_the_oracle_chooses_a_level_for_each_object():
    truth = np.zeros((20, 20), bool)
    truth[5:15, 5:15] = True
    half = truth & (np.arange(20) < 10)
    auto, level_1, level_0 = [half, half], [truth, half], [half, truth]
    others = [half] * 6
    segmenter = ToldSegmenter(*auto, *level_1, *level_0, *others)
    scores = level_scores(segmenter, [mask_of(truth)] * 2)
    assert scores["oracle"] == 1.0
    assert best_level(scores) == ("1", 0.25)


def test_auto_may_be_better_than_any_fixed_level():
    level, gap = best_level({"auto": 0.9, "1": 0.8, "0": 0.7})
    assert level == "1"
    assert round(gap, 6) == -0.1


def test_clicks_are_made_in_views_of_several_zooms():
    truth = np.zeros((20, 30), bool)
    truth[5:15, 5:11] = True
    half = truth & (np.arange(30) < 8)
    segmenter = ToldSegmenter(half, truth, half, truth, half)
    scores = view_scores(segmenter, [mask_of(truth)])
    assert segmenter.levels == ["auto"] * 5
    assert segmenter.views == [None, 30, 200, 90, 40]  # the object is 10 pixels long
    assert list(scores.values()) == [0.5, 1.0, 0.5, 1.0, 0.5]
    assert list(scores)[:3] == ["unknown", "image fitted", "object 1/20"]
