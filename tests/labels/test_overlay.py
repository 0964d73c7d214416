"""The picture shows where labels and prompts are, whatever its size."""

from __future__ import annotations

import tracemalloc

import numpy as np
from PIL import ImageColor

from napari_hqsam.labels import draw_overlay, overlay

LABELS = np.zeros((1300, 1100), np.uint16)
LABELS[100:1200, 200:900] = 3
LABELS[511:513, 300:310] = 4
GREY = np.full((1300, 1100, 3), 80, np.uint8)


def test_outlines_are_full_and_insides_light():
    picture = np.asarray(draw_overlay(GREY, LABELS))
    assert picture.shape == GREY.shape
    outside = np.ones(LABELS.shape, bool)
    outside[100:1200, 200:900] = False
    assert (picture[outside] == 80).all()
    color = np.array(overlay.COLORS[2])
    assert (picture[100, 200:900] == color).all()
    assert (picture[1199, 200:900] == color).all()
    assert (picture[150, 450] == (80 * 0.75 + color * 0.25).astype(int)).all()


def test_bands_leave_no_trace(monkeypatch):
    # An outline on either side of the rows 256, 512, ... at which bands meet.
    labels = np.arange(1300)[:, None] // 8 % 5 + np.zeros((1, 1100), int)
    pictures = []
    for band in (256, 10**6):
        monkeypatch.setattr(overlay, "_BAND", band)
        pictures.append(np.asarray(draw_overlay(GREY, labels)))
    np.testing.assert_array_equal(*pictures)


def test_memory_is_that_of_the_picture_and_little_more():
    rgb, labels = GREY.repeat(3, 0), LABELS.repeat(3, 0)
    tracemalloc.start()
    try:
        draw_overlay(rgb, labels)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * rgb.nbytes


def test_prompts_are_drawn_where_they_lie_also_when_magnified():
    rgb, labels = np.zeros((100, 200, 3), np.uint8), np.zeros((100, 200), int)
    picture = draw_overlay(
        rgb, labels, [(50, 20), (70, 120)], [1, 0], [(10, 30, 90, 180)]
    )
    assert picture.size == (1000, 500)
    at = {(102, 252): "lime", (602, 352): "red", (152, 300): "white"}
    for place, color in at.items():
        assert picture.getpixel(place) == ImageColor.getrgb(color), place
