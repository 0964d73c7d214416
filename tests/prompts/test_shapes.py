"""Drawn shapes and label images as prompts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import polygon2mask

from napari_hqsam.errors import PromptError
from napari_hqsam.prompts import Prompt, from_labels, from_shape
from napari_hqsam.prompts.geometry import polygon_mask

# A busy machine is no failure.
at_leisure = settings(deadline=None)

SQUARE = [(2, 3), (2, 13), (12, 13), (12, 3)]
# Quarters are exact in binary, so "on the outline" means the same everywhere.
quarters = st.integers(-20, 100).map(lambda n: n / 4)
outlines = st.lists(st.tuples(quarters, quarters), min_size=3, max_size=9)


def on_plane(prompt, shape):
    plane = np.zeros(shape, np.bool_)
    clipped = prompt.clip_to(shape)
    (y, x), (h, w) = clipped.mask_offset, clipped.mask.shape
    plane[y : y + h, x : x + w] = clipped.mask
    return plane


@at_leisure
@given(outlines)
def test_polygon_is_what_scikit_image_draws_on_the_whole_plane(vertices):
    shift = 5  # polygon2mask cannot draw at negative pixels
    plane = polygon2mask((35, 35), np.array(vertices) + shift)
    if not plane.any() or not np.ptp(vertices, axis=0).all():
        with pytest.raises(PromptError, match=r"no pixel centre|no area"):
            from_shape("polygon", vertices)
        return
    prompt = from_shape("polygon", np.array(vertices) + shift)
    np.testing.assert_array_equal(on_plane(prompt, (35, 35)), plane)


def test_polygon_mask_is_only_as_large_as_the_polygon():
    far = np.array([(5e8, 7e8), (5e8, 7e8 + 9), (5e8 + 4, 7e8)])
    prompt = from_shape("polygon", far)
    assert prompt.mask.shape == (5, 10)
    assert prompt.mask_offset == (5 * 10**8, 7 * 10**8)
    assert prompt.box == (5e8, 7e8, 5e8 + 4, 7e8 + 9)
    with pytest.raises(PromptError, match="the limit is"):
        from_shape("polygon", [(0, 0), (0, 1e8), (1e8, 0)])


def test_rings_within_rings_are_holes():
    outer = np.array([(-0.5, -0.5), (-0.5, 9.5), (9.5, 9.5), (9.5, -0.5)])
    inner = np.array([(2.5, 2.5), (2.5, 5.5), (5.5, 5.5), (5.5, 2.5)])
    mask, offset = polygon_mask([outer, inner])
    expected = np.ones((10, 10), np.bool_)
    expected[3:6, 3:6] = False
    assert offset == (0, 0)
    np.testing.assert_array_equal(mask, expected)


def test_upright_rectangle_is_a_box_in_any_order_of_corners():
    for start in range(4):
        corners = SQUARE[start:] + SQUARE[:start]
        for ring in (corners, corners[::-1], [*corners, corners[0]]):
            prompt = from_shape("rectangle", ring, label_id=4, plane=(2,))
            assert prompt == Prompt(box=(2, 3, 12, 13), label_id=4, plane=(2,))


def test_turned_or_crossed_rectangle_is_a_mask_with_its_box():
    turned = [(0, 10), (10, 20), (20, 10), (10, 0)]
    prompt = from_shape("rectangle", turned)
    assert prompt.box == (0, 0, 20, 20)
    np.testing.assert_array_equal(
        on_plane(prompt, (25, 25)), polygon2mask((25, 25), turned)
    )
    crossed = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]]
    assert from_shape("rectangle", crossed).mask is not None


def test_ellipse_is_inscribed_in_its_corners_upright_and_turned():
    y, x = np.mgrid[:40, :40]
    upright = from_shape("ellipse", [(5, 10), (5, 30), (25, 30), (25, 10)])
    circle = (y - 15) ** 2 + (x - 20) ** 2 <= 100
    np.testing.assert_array_equal(on_plane(upright, (40, 40)), circle)
    assert upright.box == (5, 10, 25, 30)

    # Half axes 10 along the diagonal and 4 across it, about (20, 20).
    d = np.array([1, 1]) / np.sqrt(2)
    n = np.array([1, -1]) / np.sqrt(2)
    corners = [
        20 + 10 * s * d + 4 * t * n for s, t in [(1, 1), (1, -1), (-1, -1), (-1, 1)]
    ]
    turned = from_shape("ellipse", corners)
    along, across = (y + x - 40) / np.sqrt(2), (y - x) / np.sqrt(2)
    expected = (along / 10) ** 2 + (across / 4) ** 2 <= 1
    np.testing.assert_array_equal(on_plane(turned, (40, 40)), expected)


def test_scribble_gives_ten_points_spread_along_it_not_at_its_ends():
    prompt = from_shape("path", [(0, 0), (0, 60), (40, 60)])
    assert prompt.point_labels == (1,) * 10
    expected = [(0, 5 + 10 * i) for i in range(6)] + [
        (5 + 10 * i, 60) for i in range(4)
    ]
    np.testing.assert_allclose(prompt.points, expected, atol=1e-9)
    assert from_shape("line", [(3, 3), (3, 5)]).points == ((3, 3.5), (3, 4.5))
    assert from_shape("line", [(3, 4), (3, 4)]).points == ((3, 4),)
    assert from_shape("path", [(3, 4)]).points == ((3, 4),)


@pytest.mark.parametrize(
    ("kind", "vertices", "message"),
    [
        ("star", SQUARE, "star"),
        ("polygon", SQUARE[:2], "fewer than 3"),
        ("polygon", [(0.1, 0.1), (0.1, 0.2), (0.2, 0.1)], "no pixel centre"),
        ("ellipse", SQUARE[:3], "3 corners"),
        ("ellipse", [(0, 0), (0, 5), (0, 5), (0, 0)], "no area"),
        ("polygon", [(0, 0), (0, np.nan), (5, 5)], "not finite"),
        ("polygon", [], "pairs"),
    ],
)
def test_shapes_without_meaning_are_refused(kind, vertices, message):
    with pytest.raises(PromptError, match=message):
        from_shape(kind, vertices)


def test_labels_give_a_box_round_the_pixels_of_each_id():
    labels = np.zeros((20, 30), np.uint16)
    labels[3, 4] = 60000
    labels[10:14, 5:8] = 2
    labels[18, 29] = 2
    boxes = from_labels(labels, "box")
    assert boxes == [
        Prompt(box=(9.5, 4.5, 18.5, 29.5), label_id=2),
        Prompt(box=(2.5, 3.5, 3.5, 4.5), label_id=60000),
    ]


def test_labels_give_the_point_furthest_from_border_and_neighbours():
    labels = np.zeros((21, 40), np.int64)
    labels[:, :11] = -3  # background, too
    labels[5:16, 15:26] = 10**12
    labels[0:9, 26:35] = 5
    points = from_labels(labels, "point")
    assert points == [
        Prompt([(4, 30)], label_id=5),
        Prompt([(10, 20)], label_id=10**12),
    ]


def test_labels_give_masks_with_their_box():
    labels = np.zeros((20, 30), np.uint8)
    labels[10:14, 5:8] = 2
    labels[11, 6] = 0
    (prompt,) = from_labels(labels, "mask")
    assert prompt.mask.shape == (4, 3)
    np.testing.assert_array_equal(on_plane(prompt, labels.shape), labels == 2)
    assert prompt.box == (9.5, 4.5, 13.5, 7.5)


def test_labels_may_be_empty_or_bool_but_not_float_or_a_stack():
    assert from_labels(np.zeros((5, 5), np.uint8)) == []
    assert [p.label_id for p in from_labels(np.eye(5, dtype=np.bool_))] == [1]
    with pytest.raises(PromptError, match="float64"):
        from_labels(np.ones((5, 5)))
    with pytest.raises(PromptError, match="3 axes"):
        from_labels(np.ones((5, 5, 5), np.uint8))
    with pytest.raises(PromptError, match="'circle'"):
        from_labels(np.ones((5, 5), np.uint8), "circle")
