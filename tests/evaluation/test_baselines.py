"""Each baseline finds a plain disc, bright or dark, and only on the plane."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hqsam.errors import PromptError
from napari_hqsam.evaluation.baselines import (
    BOX_BASELINES,
    CLICK_BASELINES,
    flood_fill,
    inscribed_ellipse,
    otsu_component,
    otsu_in_box,
)
from napari_hqsam.masks.metrics import iou

SHAPE, CENTRE, RADIUS = (90, 110), (40, 60), 18
Y, X = np.ogrid[: SHAPE[0], : SHAPE[1]]
DISC = (Y - CENTRE[0]) ** 2 + (X - CENTRE[1]) ** 2 <= RADIUS**2
OTHER = (Y - 70) ** 2 + (X - 15) ** 2 <= 64
BOX = tuple(c + s * (RADIUS + 0.5) for s in (-1, 1) for c in CENTRE)
WIDE_BOX = tuple(c + s * (RADIUS + 6) for s in (-1, 1) for c in CENTRE)


def image(sign):
    noise = np.random.default_rng(0).normal(0, 0.04, SHAPE)
    return sign * ((DISC | OTHER) + noise)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", CLICK_BASELINES)
def test_click_in_the_disc_finds_the_disc_alone(name, sign):
    mask = CLICK_BASELINES[name](image(sign), (CENTRE[0] + 3.4, CENTRE[1] - 2.0))
    assert (mask.shape, mask.dtype) == (SHAPE, np.bool_)
    assert iou(mask, DISC) > 0.9
    assert not (mask & OTHER).any()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", BOX_BASELINES)
def test_box_round_the_disc_finds_the_disc(name, sign):
    box = BOX if name == "ellipse" else WIDE_BOX
    mask = BOX_BASELINES[name](image(sign), box)
    assert (mask.shape, mask.dtype) == (SHAPE, np.bool_)
    assert iou(mask, DISC) > 0.9


@pytest.mark.parametrize("name", CLICK_BASELINES)
def test_clicks_at_the_border_and_on_flat_planes_give_a_mask(name):
    method = CLICK_BASELINES[name]
    assert method(image(1), (-0.5, 109.45))[0, -1]
    assert method(np.zeros((30, 40)), (5, 6))[5, 6]


@pytest.mark.parametrize("name", BOX_BASELINES)
def test_boxes_may_stick_out_and_planes_be_flat(name):
    method = BOX_BASELINES[name]
    mask = method(image(1), (20, 40, 200, 300))
    assert not mask[:19].any()
    assert not mask[:, :39].any()
    assert method(np.zeros((30, 40)), (3, 3, 20, 20)).shape == (30, 40)


@pytest.mark.parametrize("name", CLICK_BASELINES)
@pytest.mark.parametrize("click", [(-0.6, 5), (5, 109.5), (89.5, 5)])
def test_click_off_the_plane_is_refused(name, click):
    with pytest.raises(PromptError, match="outside the plane of 90 x 110"):
        CLICK_BASELINES[name](image(1), click)


@pytest.mark.parametrize("name", BOX_BASELINES)
def test_box_off_the_plane_is_refused(name):
    with pytest.raises(PromptError, match="covers no pixel"):
        BOX_BASELINES[name](image(1), (100, 10, 120, 30))


def test_click_on_the_background_finds_the_background():
    mask = otsu_component(image(1), (5, 5))
    assert iou(mask, ~(DISC | OTHER)) > 0.99


def test_flood_tolerance_is_relative_to_the_contrast():
    plane = 1000 * image(1)
    np.testing.assert_array_equal(
        flood_fill(plane, CENTRE), flood_fill(image(1), CENTRE)
    )
    assert flood_fill(plane, CENTRE, tolerance=3).all()


def test_ellipse_fills_its_box():
    mask = inscribed_ellipse(np.zeros((30, 40)), (4.5, 9.5, 14.5, 29.5))
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (5, 14, 10, 29)
    assert mask.sum() == pytest.approx(np.pi * 5 * 10, rel=0.05)


def test_otsu_in_box_fills_holes_and_drops_small_pieces():
    plane = image(1)
    plane[38:41, 58:61] = 0
    plane[19, 40:42] = 1
    mask = otsu_in_box(plane, WIDE_BOX)
    assert mask[39, 59]
    assert not mask[19, 40]


@pytest.mark.parametrize(
    ("method", "prompt", "radius"),
    [
        (CLICK_BASELINES["random walker"], (300, 310), 100),
        (BOX_BASELINES["Chan-Vese"], (95.0, 105.0, 515.0, 525.0), 200),
    ],
)
def test_large_windows_are_seen_smaller_and_objects_still_found(method, prompt, radius):
    y, x = np.ogrid[:601, :613]
    disc = (y - 305) ** 2 + (x - 315) ** 2 <= radius**2
    noise = np.random.default_rng(0).normal(0, 0.04, disc.shape)
    mask = method(disc + noise, prompt)
    assert mask.shape == disc.shape
    assert iou(mask, disc) > 0.9
