"""Holes filled, edges smoothed, and outlines drawn round what is left."""

import numpy as np

from napari_hqsam.masks import Mask
from napari_hqsam.masks.finishing import finish
from napari_hqsam.masks.outlines import outlines


def mask_of(data, corner=(20, 30)):
    return Mask.from_crop(np.asarray(data, bool), corner, 0.9, 0.8)


def test_holes_are_filled_and_the_scores_stay():
    ring = np.ones((9, 9), bool)
    ring[2:7, 2:7] = False
    done = finish(mask_of(ring), fill=True, smooth=0, size=(100, 100))
    assert done.data.all()
    assert done.bbox == (20, 30, 29, 39)
    assert done.score == 0.9


def test_ripples_vanish_and_the_plane_ends():
    comb = np.ones((12, 41), bool)
    comb[:2, ::2] = False
    done = finish(mask_of(comb, (0, 0)), fill=False, smooth=4, size=(12, 41))
    edge = done.to_plane((12, 41)).argmax(0)[5:-5]
    assert np.ptp(edge) == 0
    assert done.bbox[2] <= 12


def test_nothing_to_do_is_the_mask_itself():
    mask = mask_of(np.ones((9, 9)))
    assert finish(mask, fill=False, smooth=0, size=(100, 100)) is mask
    assert finish(mask, fill=True, smooth=0, size=(100, 100)) is mask
    dot = mask_of(np.ones((1, 1)))
    assert finish(dot, fill=False, smooth=9, size=(100, 100)) is dot


def test_outlines_go_round_the_mask_and_its_holes():
    ring = np.ones((9, 7), bool)
    ring[3:6, 2:5] = False
    outer, inner = sorted(outlines((20, 30), ring), key=np.ptp)[::-1]
    for line in (outer, inner):
        assert (line[0] == line[-1]).all()
    assert (outer.min(0).tolist(), outer.max(0).tolist()) == (
        [19.5, 29.5],
        [28.5, 36.5],
    )
    assert (inner.min(0).tolist(), inner.max(0).tolist()) == (
        [22.5, 31.5],
        [25.5, 34.5],
    )
    assert max(len(outer), len(inner)) <= 13  # no vertices on straight runs
