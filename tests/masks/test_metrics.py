"""Measures against hand-computed values and plain implementations."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage, sparse

from napari_hqsam.errors import ImageError
from napari_hqsam.masks.metrics import (
    average_precision,
    average_precision_scored,
    boundary,
    boundary_iou,
    boundary_ious,
    boundary_width,
    contingency_iou,
    iou,
    object_width,
    rank_labels,
)

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14))
pairs = hnp.array_shapes(min_dims=2, max_dims=2, max_side=14).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)
label_pairs = hnp.array_shapes(min_dims=2, max_dims=3, max_side=7).flatmap(
    lambda shape: st.tuples(
        *[hnp.arrays(np.int32, shape, elements=st.sampled_from([0, 1, 2, 5, 900]))] * 2
    )
)

# A busy machine is no failure.
at_leisure = settings(deadline=None)


def square(y0, x0, y1, x1, shape=(40, 50)):
    mask = np.zeros(shape, np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def plain_boundary(mask, width):
    """boundary-iou-api's mask_to_boundary: pad by 1, erode `width` times."""
    eroded = ndimage.binary_erosion(np.pad(mask, 1), np.ones((3, 3)), iterations=width)
    return mask & ~eroded[1:-1, 1:-1]


# IoU and Boundary IoU


def test_iou_of_squares():
    a, b = square(0, 0, 10, 10), square(0, 5, 10, 15)
    assert iou(a, b) == 50 / 150
    assert iou(a, a * np.uint8(255)) == 1
    assert iou(a, square(20, 20, 30, 30)) == 0
    assert iou(a & ~a, a) == 0
    assert iou(a & ~a, a & ~a) == 1


def test_boundary_of_a_square_is_its_ring_also_along_the_image_border():
    inside = square(10, 10, 20, 20)
    assert boundary(inside, 2).sum() == 10 * 10 - 6 * 6
    assert boundary(inside, 5).sum() == 100
    corner = square(0, 0, 10, 10)
    np.testing.assert_array_equal(boundary(corner, 2), corner & ~square(2, 2, 8, 8))
    everything = np.ones((9, 9), np.bool_)
    assert boundary(everything, 1).sum() == 81 - 49


@at_leisure
@given(masks, st.integers(1, 6))
def test_boundary_is_the_mask_minus_its_repeated_erosion(mask, width):
    np.testing.assert_array_equal(boundary(mask, width), plain_boundary(mask, width))


def test_boundary_width_is_a_rounded_share_of_the_diagonal():
    assert boundary_width((300, 400)) == 10  # 0.02 * 500
    assert boundary_width((300, 400), 0.01) == 5
    assert boundary_width((30, 40), 0.01) == 1  # round(0.5) = 0, at least 1
    assert boundary_width((1024, 1024)) == 29  # 28.96


def test_boundary_iou_of_squares():
    # Diagonal 64.03, width 1: rings of 36 pixels each; moved by 5 columns they
    # share the top and bottom sides, 5 pixels each.
    a, b = square(10, 10, 20, 20), square(10, 15, 20, 25)
    assert boundary_iou(a, b) == 10 / (36 + 36 - 10)
    # Width 2: rings of 64; shared are 2 x 5 on top, 2 x 5 below: 20.
    assert boundary_iou(a, b, width=2) == 20 / (64 + 64 - 20)
    assert boundary_iou(a, b, ratio=2 / 64) == 20 / (64 + 64 - 20)
    assert boundary_iou(a, a) == 1
    assert boundary_iou(a & ~a, a & ~a) == 1
    assert boundary_iou(a & ~a, a) == 0


def test_boundary_iou_sees_a_border_that_iou_hardly_sees():
    a, b = square(2, 2, 38, 38), square(3, 3, 37, 37)
    assert iou(a, b) > 0.89
    assert boundary_iou(a, b) == 0


@at_leisure
@given(pairs, st.integers(1, 5))
def test_boundary_iou_in_the_crop_is_that_of_the_whole_plane(pair, width):
    a, b = pair
    bands = plain_boundary(a, width), plain_boundary(b, width)
    union = (bands[0] | bands[1]).sum()
    expected = (bands[0] & bands[1]).sum() / union if union else 1.0
    assert boundary_iou(a, b, width=width) == expected


@at_leisure
@given(pairs, st.integers(0, 9), st.integers(0, 9))
def test_boundary_iou_by_width_may_be_measured_on_crops(pair, before, after):
    a, b = (np.pad(mask, (before, after)) for mask in pair)
    assert boundary_iou(a, b, width=2) == boundary_iou(*pair, width=2)


@at_leisure
@given(pairs, st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_several_widths_are_measured_in_one_go(pair, widths):
    each = [boundary_iou(*pair, width=width) for width in widths]
    assert boundary_ious(*pair, widths) == each


def test_the_objects_own_width_grows_with_its_side():
    assert object_width(100 * 100) == 10
    assert object_width(400 * 25) == 10
    assert object_width(50 * 50, 0.02) == 1
    assert object_width(1) == 1


@pytest.mark.parametrize("measure", [iou, boundary_iou, contingency_iou])
def test_different_shapes_are_refused(measure):
    with pytest.raises(ImageError, match="differ"):
        measure(np.ones((4, 5), np.uint8), np.ones((5, 4), np.uint8))


# Label images


@at_leisure
@given(label_pairs)
def test_contingency_holds_the_iou_of_every_pair(labels):
    pred, true = labels
    pred_ids, true_ids, ious = contingency_iou(pred, true)
    assert list(pred_ids) == sorted(set(pred[pred > 0].tolist()))
    assert list(true_ids) == sorted(set(true[true > 0].tolist()))
    expected = [[iou(pred == p, true == t) for t in true_ids] for p in pred_ids]
    np.testing.assert_array_equal(
        ious.toarray(), np.reshape(expected, (len(pred_ids), len(true_ids)))
    )


@at_leisure
@given(label_pairs)
def test_objects_are_counted_in_the_order_of_their_ids(labels):
    for dtype in (np.int32, np.uint64, np.uint8):
        image = labels[0].astype(dtype)
        ids, ranks = rank_labels(image)
        assert ids.dtype == dtype
        assert list(ids) == sorted(set(image[image > 0].tolist()))
        assert (np.concatenate([[0], ids.astype(int)])[ranks] == image).all()


def test_contingency_takes_huge_ids_and_refuses_floats():
    pred = np.array([[0, 2**63, 2**63]], np.uint64)
    true = np.array([[0, -5, 2**40]], np.int64)
    pred_ids, true_ids, ious = contingency_iou(pred, true)
    assert (pred_ids, true_ids, ious.toarray()) == ([2**63], [2**40], [[0.5]])
    with pytest.raises(ImageError, match="float64"):
        contingency_iou(pred, true.astype(float))


def test_average_precision_by_hand():
    true = np.zeros((10, 40), np.int32)
    pred = np.zeros((10, 40), np.int32)
    true[:, :10], pred[:, :10] = 1, 7  # IoU 1
    true[:, 15:25], pred[:6, 15:25] = 2, 3  # IoU 0.6
    true[:, 30:35] = 3  # missed
    pred[:5, 36:] = 4  # false
    scores = average_precision(pred, true)
    # Up to .55 two hits of 4 objects; "above" 0.6 fails at 0.6: 1 of 5.
    expected = [2 / 4] * 2 + [1 / 5] * 8
    assert list(scores) == ["AP"] + [f"AP{t}" for t in range(50, 100, 5)]
    assert list(scores.values())[1:] == pytest.approx(expected)
    assert scores["AP"] == pytest.approx(np.mean(expected))


def test_average_precision_makes_as_many_pairs_as_there_can_be():
    # Below 0.5 both predictions fit the first true object, one also the second:
    # greedy matching by IoU would leave one out.
    true = np.array([[1, 1, 1, 1, 2, 2]])
    pred = np.array([[3, 3, 4, 4, 4, 0]])
    _, _, ious = contingency_iou(pred, true)
    np.testing.assert_allclose(ious.toarray(), [[2 / 4, 0], [2 / 5, 1 / 4]])
    assert average_precision(pred, true, [0.2])["AP20"] == 1


def test_average_precision_of_nothing():
    nothing, something = np.zeros((3, 3), int), np.eye(3, dtype=int)
    assert average_precision(nothing, nothing)["AP"] == 1
    assert average_precision(something, nothing)["AP"] == 0
    assert average_precision(nothing, something)["AP"] == 0
    assert average_precision(something, something)["AP"] == 1


# Scored masks


def test_scored_average_precision_by_hand():
    # By score: hit (true 0), false, hit (true 1); true 2 is never found.
    ious = [[0.1, 0.7, 0], [0.9, 0, 0], [0.3, 0, 0]]
    scores = [0.2, 0.9, 0.5]
    result = average_precision_scored(np.array(ious), scores, [0.5, 0.75])
    # Recall 1/3 at precision 1, 2/3 at 2/3: of the recalls 0, .01 .. 1 there are
    # 34 up to .33, 33 up to .66, and 34 never reached.
    assert result["AP50"] == pytest.approx((34 * 1 + 33 * 2 / 3) / 101)
    assert result["AP75"] == pytest.approx(34 / 101)
    assert result["AP"] == pytest.approx((result["AP50"] + result["AP75"]) / 2)


def test_a_true_object_is_matched_once_and_by_the_best_score():
    twice = np.array([[0.6], [0.9]])
    assert average_precision_scored(twice, [0.9, 0.1], [0.5])["AP"] == 1
    # At .75 only the mask of lower score fits: precision 1/2.
    assert average_precision_scored(twice, [0.9, 0.1], [0.75])["AP"] == 0.5
    # Precision never rises with recall: the envelope lifts the first to 2/3.
    late = np.array([[0, 0], [0.9, 0], [0, 0.9]])
    assert average_precision_scored(late, [3, 2, 1], [0.5])["AP"] == pytest.approx(
        2 / 3
    )


def test_each_mask_takes_the_best_object_still_free():
    ious = np.array([[0.8, 0.9], [0.1, 0.95]])
    # The first takes object 1, the second finds it gone: one hit of two.
    result = average_precision_scored(ious, [0.9, 0.8], [0.5])
    assert result["AP"] == pytest.approx(51 / 101)
    # COCO matches at the threshold itself.
    assert average_precision_scored(np.array([[0.5]]), [1], [0.5])["AP"] == 1
    assert average_precision_scored(np.array([[1.0]]), [1], [1.0])["AP"] == 1


def test_images_are_pooled_by_a_block_diagonal():
    images = [np.array([[0.9]]), np.array([[0.2, 0.8]]), np.zeros((1, 0))]
    pooled = sparse.block_diag(images)
    # Hits of scores .9 and .1 round a false one of .5: precision 1, 2/3; recall 2/3.
    result = average_precision_scored(pooled, [0.9, 0.1, 0.5], [0.5])
    assert result["AP"] == pytest.approx((34 + 33 * 2 / 3) / 101)


def test_scored_average_precision_of_nothing():
    assert average_precision_scored(np.zeros((0, 0)), [])["AP"] == 1
    assert average_precision_scored(np.zeros((2, 0)), [1, 2])["AP"] == 0
    assert average_precision_scored(np.zeros((0, 2)), [])["AP"] == 0


def test_boundary_ap_is_the_ap_of_the_lower_iou():
    true, pred = square(2, 2, 38, 38), square(3, 3, 37, 37)
    mask_iou = np.array([[iou(pred, true)]])
    lower = np.minimum(mask_iou, boundary_iou(pred, true))
    assert average_precision_scored(mask_iou, [1.0], [0.5])["AP"] == 1
    assert average_precision_scored(lower, [1.0], [0.5])["AP"] == 0


def test_importing_the_room_brings_neither_torch_nor_scikit_image():
    code = (
        "import sys, napari_hqsam.evaluation;"
        "sys.exit(bool({'torch', 'skimage', 'zarr'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
