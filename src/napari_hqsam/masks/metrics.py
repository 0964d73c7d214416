"""Metrics of masks and label images, on numpy arrays.

Masks: IoU and Boundary IoU (Cheng et al., CVPR 2021). Label images: average
precision as TP / (TP + FP + FN) (Data Science Bowl 2018). Scored masks: COCO's
interpolated average precision. Knows neither networks, images nor files.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import maximum_bipartite_matching

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry.boxes import index_in, is_empty
from napari_hqsam.masks.algebra import tight_box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""IoU thresholds .50:.05:.95 over which AP is averaged."""


def iou(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Compute the intersection over union of two masks.

    Parameters
    ----------
    a, b : arrays of the same shape
        Not 0 is object.

    Returns
    -------
    float
        In [0, 1]; 1 if both are empty.

    Raises
    ------
    ImageError
        If the shapes differ.
    """
    _check_shapes(a, b)
    a, b = np.asarray(a, np.bool_), np.asarray(b, np.bool_)
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def boundary(mask: NDArray[Any], width: int) -> NDArray[np.bool_]:
    """Return the pixels of a mask within `width` of its border.

    The mask minus its erosion, `width` times by 3 x 3, with zeros all round:
    the border of the image counts as border of the mask (boundary-iou-api,
    `mask_to_boundary`).

    Parameters
    ----------
    mask : (h, w) array
        Not 0 is object.
    width : int
        Pixels, at least 1.

    Returns
    -------
    (h, w) bool array
    """
    depth = _depth(np.asarray(mask, np.bool_))
    near: NDArray[np.bool_] = (depth > 0) & (depth <= width)
    return near


def boundary_width(shape: tuple[int, ...], ratio: float = 0.02) -> int:
    """Return the boundary width that Boundary IoU uses on a plane.

    Parameters
    ----------
    shape : (h, w)
        Size of the plane, in pixels.
    ratio : float
        Fraction of the diagonal: 0.02, or 0.01 for the strict metric.

    Returns
    -------
    int
        Pixels, at least 1.
    """
    return max(1, round(ratio * math.hypot(*shape)))


def object_width(area: int, share: float = 0.1) -> int:
    """Return a boundary width proportional to the size of the object.

    2 % of the image diagonal exceeds the size of many cells, which are then boundary
    only. A fraction of the square root of the area (COCO's scale of an object) is
    equally strict for small and large objects; for a disc it is about a sixth of the
    radius.

    Parameters
    ----------
    area : int
        Pixels of the true object.
    share : float
        Fraction of the square root of the area.

    Returns
    -------
    int
        Pixels, at least 1.
    """
    return max(1, round(share * math.sqrt(area)))


def boundary_iou(
    a: NDArray[Any],
    b: NDArray[Any],
    *,
    ratio: float = 0.02,
    width: int | None = None,
) -> float:
    """Compute the Boundary IoU of two masks: the IoU of their `boundary` bands.

    Parameters
    ----------
    a, b : (h, w) arrays
        Not 0 is object. Whole planes, unless `width` is given.
    ratio : float
        Width of the band as a share of the diagonal.
    width : int, optional
        Width in pixels, instead of `ratio`.

    Returns
    -------
    float
        In [0, 1]; 1 if both masks are empty.

    Raises
    ------
    ImageError
        If the shapes differ.
    """
    if width is None:
        width = boundary_width(np.shape(a), ratio)
    return boundary_ious(a, b, [width])[0]


def boundary_ious(
    a: NDArray[Any], b: NDArray[Any], widths: Sequence[int]
) -> list[float]:
    """Compute the Boundary IoU of two masks for several widths at once.

    Parameters
    ----------
    a, b : (h, w) arrays
        Not 0 is object. Whole planes, or any window that holds both masks.
    widths : sequence of int
        Widths of the band in pixels, at least 1.

    Returns
    -------
    list of float
        As `boundary_iou`, one for each width.

    Raises
    ------
    ImageError
        If the shapes differ.
    """
    _check_shapes(a, b)
    a, b = np.asarray(a, np.bool_), np.asarray(b, np.bool_)
    box = tight_box(a | b)
    if is_empty(box):
        return [1.0] * len(widths)
    window = index_in(box, (0, 0, *a.shape))
    # Outside the window all is zero, just as it is taken to be outside the plane,
    # so the crop gives the very bands of the plane.
    deep_a, deep_b = _depth(a[window]), _depth(b[window])
    return [
        iou((deep_a > 0) & (deep_a <= width), (deep_b > 0) & (deep_b <= width))
        for width in widths
    ]


def rank_labels(
    labels: NDArray[Any],
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Relabel a label image with consecutive ranks from 1, however sparse its ids.

    Parameters
    ----------
    labels : integer array
        0 (and anything below) is background.

    Returns
    -------
    ids : (n,) sorted array
        Ids of the objects.
    ranks : int64 array of the shape of the labels
        0, or the place of the id in `ids`, counted from 1.

    Raises
    ------
    ImageError
        If the array is not integer.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iub":
        raise ImageError(f"labels of type {labels.dtype}; give integers")
    foreground = labels > 0
    found = labels[foreground]
    if len(found) and found.max() <= labels.size:  # a table is faster than sorting
        found = found.astype(np.int64)
        there = np.bincount(found) > 0
        ids = np.flatnonzero(there).astype(labels.dtype)
        order = np.cumsum(there)[found]
    else:  # sparse and huge ids
        ids = np.unique(found)
        order = np.searchsorted(ids, found) + 1
    ranks = np.zeros(labels.shape, np.int64)
    ranks[foreground] = order
    return ids, ranks


def contingency_iou(
    pred_labels: NDArray[Any], true_labels: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], sparse.csr_array]:
    """Compute the IoU of every predicted object with every true one it overlaps.

    Parameters
    ----------
    pred_labels, true_labels : integer arrays of the same shape, 2D or more
        0 (and anything below) is background.

    Returns
    -------
    pred_ids : (n,) sorted array
    true_ids : (m,) sorted array
    ious : (n, m) sparse float64 array
        Pairs that do not overlap are not stored.

    Raises
    ------
    ImageError
        If the shapes differ or the arrays are not integer.
    """
    _check_shapes(pred_labels, true_labels)
    pred_ids, pred = (part.ravel() for part in rank_labels(pred_labels))
    true_ids, true = (part.ravel() for part in rank_labels(true_labels))
    shape = len(pred_ids) + 1, len(true_ids) + 1
    pred_area = np.bincount(pred, minlength=shape[0])
    true_area = np.bincount(true, minlength=shape[1])
    both = (pred > 0) & (true > 0)
    pair, shared = np.unique(
        pred[both] * np.int64(shape[1]) + true[both], return_counts=True
    )
    i, j = np.divmod(pair, shape[1])
    ious = shared / (pred_area[i] + true_area[j] - shared)
    # int32: scipy 1.14 matches no graph whose indices are longer
    places = (i - 1).astype(np.int32), (j - 1).astype(np.int32)
    shape = shape[0] - 1, shape[1] - 1
    return pred_ids, true_ids, sparse.csr_array((ious, places), shape=shape)


def average_precision(
    pred_labels: NDArray[Any],
    true_labels: NDArray[Any],
    thresholds: Sequence[float] = THRESHOLDS,
) -> dict[str, float]:
    """Compute the average precision of a label image, TP / (TP + FP + FN).

    A true positive is a pair with IoU above the threshold. Pairs are a maximum
    bipartite matching, which is unique from a threshold of 0.5 on (Data Science
    Bowl 2018).

    Parameters
    ----------
    pred_labels, true_labels : integer arrays of the same shape
    thresholds : sequence of float

    Returns
    -------
    dict
        "AP50", "AP55", ... for the thresholds, and "AP", their mean. All 1 if
        there is nothing to find and nothing was found.

    Raises
    ------
    ImageError
        If the shapes differ or the arrays are not integer.
    """
    pred_ids, true_ids, ious = contingency_iou(pred_labels, true_labels)
    scores = []
    for threshold in thresholds:
        matches = maximum_bipartite_matching(ious > threshold)
        hits = int(np.count_nonzero(matches >= 0))
        objects = len(pred_ids) + len(true_ids) - hits
        scores.append(hits / objects if objects else 1.0)
    return _by_threshold(thresholds, scores)


def average_precision_scored(
    ious: NDArray[np.float64] | sparse.sparray,
    scores: Sequence[float] | NDArray[Any],
    thresholds: Sequence[float] = THRESHOLDS,
) -> dict[str, float]:
    """Compute the average precision of scored masks, as COCO defines it.

    Masks are matched in falling order of score, each with the free true object
    of highest IoU at or above the threshold; precision is made non-increasing
    and averaged over the 101 recalls 0, 0.01, ... 1 (pycocotools, `COCOeval`,
    without its limit of 100 masks per image).

    Parameters
    ----------
    ious : (n, m) array, dense or sparse
        IoU of n masks with m true objects. For several images give the
        `scipy.sparse.block_diag` of theirs. For AP_B give the minimum of mask
        IoU and Boundary IoU of each pair (boundary-iou-api).
    scores : (n,) sequence of float
    thresholds : sequence of float

    Returns
    -------
    dict
        As `average_precision` does. Without true objects all are 1 if there
        are no masks either, else 0 (COCO leaves such a class out).
    """
    matrix = sparse.csr_array(ious)
    n_true = matrix.shape[1]
    if n_true == 0:
        score = float(matrix.shape[0] == 0)
        return _by_threshold(thresholds, [score] * len(thresholds))
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    precisions = [
        _interpolated(_matched(matrix, order, threshold), n_true)
        for threshold in thresholds
    ]
    return _by_threshold(thresholds, precisions)


def _matched(
    ious: sparse.csr_array, order: NDArray[np.intp], threshold: float
) -> NDArray[np.bool_]:
    """Match masks, in the order of scores, to true objects not matched before."""
    free = np.ones(ious.shape[1], np.bool_)
    hits = np.zeros(len(order), np.bool_)
    for rank, row in enumerate(order):
        stored = slice(ious.indptr[row], ious.indptr[row + 1])
        columns, values = ious.indices[stored], ious.data[stored]
        usable = free[columns] & (values >= min(threshold, 1 - 1e-10))
        if usable.any():
            best = columns[usable][np.argmax(values[usable])]
            free[best] = False
            hits[rank] = True
    return hits


def _interpolated(hits: NDArray[np.bool_], n_true: int) -> float:
    """Compute COCO's 101-point average of the precision over recall."""
    found = np.cumsum(hits)
    recall = found / n_true
    precision = found / np.arange(1, len(hits) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.append(best_from_here, 0.0)[at].mean())


def _by_threshold(
    thresholds: Sequence[float], scores: Sequence[float]
) -> dict[str, float]:
    named = {f"AP{100 * t:g}": s for t, s in zip(thresholds, scores, strict=True)}
    return {"AP": float(np.mean(scores)), **named}


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Return the chessboard distance of each pixel to the background; 0 outside.

    Eroding n times by 3 x 3 keeps pixels with a distance above n.
    """
    depth: NDArray[np.integer] = ndimage.distance_transform_cdt(
        np.pad(mask, 1), metric="chessboard"
    )
    return depth[1:-1, 1:-1]


def _check_shapes(a: NDArray[Any], b: NDArray[Any]) -> None:
    if np.shape(a) != np.shape(b):
        raise ImageError(
            f"shapes {np.shape(a)} and {np.shape(b)} differ; compare the same plane"
        )
