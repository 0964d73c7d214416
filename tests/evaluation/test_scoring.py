"""Objects are chosen and answers scored as the definitions say."""

import numpy as np
import pytest

from napari_hqsam.evaluation.baselines import BOX_BASELINES, CLICK_BASELINES
from napari_hqsam.evaluation.scoring import (
    MEASURES,
    choose_objects,
    compare,
    grey_plane,
    paint_all,
    score_objects,
)
from napari_hqsam.masks.metrics import boundary_iou, iou
from tests.evaluation.fake_segmenter import ToldSegmenter, mask_of

SHAPE = (60, 80)


def square(y0, x0, y1, x1):
    plane = np.zeros(SHAPE, bool)
    plane[y0:y1, x0:x1] = True
    return plane


def test_objects_are_whole_ids_and_specks_are_counted():
    labels = np.zeros(SHAPE, np.int64)
    labels[5:15, 5:15] = 7
    labels[30:40, 60:70] = 7  # in two pieces
    labels[20:24, 20:24] = 2**40
    labels[0, 0:9] = 3  # below the smallest area
    labels[50, 50] = -4
    (first, second), skipped = choose_objects(labels, None, [0])
    assert skipped == 1
    np.testing.assert_array_equal(first.to_plane(SHAPE), labels == 7)
    np.testing.assert_array_equal(second.to_plane(SHAPE), labels == 2**40)


def test_the_draw_depends_on_the_seed_alone():
    labels = np.arange(1, 26).repeat(16).reshape(5, 5, 4, 4)
    labels = labels.transpose(0, 2, 1, 3).reshape(20, 20)

    def drawn(*seed):
        return [m.bbox for m in choose_objects(labels, 4, seed)[0]]

    assert drawn(1, 2) == drawn(1, 2)
    assert len({tuple(drawn(i)) for i in range(5)}) > 1
    assert all(boxes == sorted(boxes) and len(boxes) == 4 for boxes in [drawn(3)])
    assert len(choose_objects(labels, 99, [0])[0]) == 25


def test_masks_are_compared_as_on_the_whole_plane():
    found, truth = square(10, 10, 50, 60), square(8, 12, 30, 30)
    scores = compare(mask_of(found), mask_of(truth), SHAPE)
    assert scores == {
        "iou": iou(found, truth),
        "boundary_iou": boundary_iou(found, truth),  # 0.02 * 100 px
        "boundary_iou_2px": boundary_iou(found, truth, width=2),
        "boundary_iou_object": boundary_iou(found, truth, width=2),  # sqrt(396) / 10
    }
    empty = mask_of(np.zeros(SHAPE))
    assert set(compare(empty, mask_of(truth), SHAPE).values()) == {0.0}


def test_the_more_stable_mask_wins_contested_pixels():
    plane = np.ones((4, 4), bool)
    labels = paint_all([mask_of(plane, 0.5), mask_of(plane, 0.9)], (4, 4))
    assert (labels == 2).all()


def test_model_and_baselines_are_scored_on_the_same_objects_and_prompts():
    truths = [square(10, 10, 30, 30), square(10, 45, 30, 65)]
    pixels = (200 * (truths[0] | truths[1])).astype(np.uint8)
    segmenter = ToldSegmenter(truths[0], truths[1], pixels=pixels)
    means = score_objects(segmenter, [mask_of(t) for t in truths], ["box"])
    assert {method for _, method, _ in means} == {"sam", "sam+hq", "hq", *BOX_BASELINES}
    assert {measure for _, _, measure in means} == set(MEASURES)
    assert means["box", "sam+hq", "iou"] == 1
    assert means["box", "sam+hq", "ap"] == 1
    assert means["box", "ellipse", "iou"] == pytest.approx(np.pi / 4, rel=0.03)
    assert means["box", "ellipse", "ap50"] == 1
    assert means["box", "ellipse", "ap"] < 1

    segmenter = ToldSegmenter(truths[0], truths[1], pixels=pixels)
    means = score_objects(segmenter, [mask_of(t) for t in truths], ["click"])
    assert {m for _, m, _ in means} == {"sam", "sam+hq", "hq", *CLICK_BASELINES}
    assert means["click", "Otsu", "iou"] == 1
    # the second answer went to the corrections of no one: each object is asked once
    assert [len(p.points) for p in segmenter.prompts] == [1, 1]
    without = score_objects(segmenter, [mask_of(truths[1])], ["click"], baselines=False)
    assert {method for _, method, _ in without} == {"sam", "sam+hq", "hq"}


def test_baselines_see_the_picture_that_the_model_sees():
    grey = np.arange(200, dtype=np.uint8).reshape(10, 20)
    segmenter = ToldSegmenter(np.ones((10, 20)), pixels=grey)
    np.testing.assert_array_equal(grey_plane(segmenter), grey)
