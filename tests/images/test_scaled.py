"""Pixels at any scale: right means, no seams, no more reads or memory than needed."""

from __future__ import annotations

import itertools
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.images import (
    Normalization,
    normalization,
    open_image,
    read_rgb8,
    scaled,
)
from napari_hqsam.tiling import FINEST, Grid

at_leisure = settings(deadline=None, max_examples=40)
AS_IT_IS = Normalization((0.0,), (255.0,), (0, 0, 0))


class Counter:
    """An array that counts what is read of it, also chunk by chunk."""

    def __init__(self, array, chunks=None):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.pixels, self.keys = 0, []
        if chunks:
            self.chunks = chunks

    def __getitem__(self, key):
        block = self.array[key]
        self.keys.append(key)
        self.pixels += block.size
        return block

    def decodings(self):
        """How often each chunk would have been decoded."""
        times = {}
        for key in self.keys:
            ranges = [
                range(part.start // side, -(-part.stop // side))
                for part, side in zip(key, self.chunks, strict=True)
            ]
            for chunk in itertools.product(*ranges):
                times[chunk] = times.get(chunk, 0) + 1
        return times


def quietly(image):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HqsamWarning)
        return normalization(image)


def means(rgb, region, level):
    """Block averages of a normalised plane, the slow and obvious way."""
    step = 2**level
    y0, x0, y1, x1 = region
    h, w = rgb.shape[:2]
    pad = ((0, max(0, y1 - h)), (0, max(0, x1 - w)), (0, 0))
    box = np.pad(rgb, pad, mode="edge")[y0:y1, x0:x1].astype(float)
    blocks = box.reshape((y1 - y0) // step, step, (x1 - x0) // step, step, 3)
    return np.floor(blocks.mean((1, 3)) + 0.5).astype(np.uint8)


def magnified(rgb, region, factor):
    """Bilinear magnification, the slow and obvious way; exact in float64."""
    y0, x0, y1, x1 = region

    def line(values, start, stop):
        at = start + (np.arange((stop - start) * factor) + 0.5) / factor - 0.5
        below = np.floor(at).astype(int)
        share = (at - below)[:, None, None]
        last = len(values) - 1
        return values[below.clip(0, last)] * (1 - share) + (
            values[(below + 1).clip(0, last)] * share
        )

    tall = line(rgb.astype(float), y0, y1)
    wide = line(tall.transpose(1, 0, 2), x0, x1).transpose(1, 0, 2)
    return np.floor(wide + 0.5).astype(np.uint8)


@st.composite
def images(draw):
    dtype = np.dtype(draw(st.sampled_from("bool u1 i2 u2 f4 f8".split())))
    channels = draw(st.sampled_from([(), (2,), (3,)]))
    shape = (*channels, draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    array = (rng.random(shape) ** 3 * draw(st.integers(1, 1000))).astype(dtype)
    if channels and draw(st.booleans()):
        return open_image(np.moveaxis(array, 0, -1), axes="yxc")
    return open_image(array, axes="cyx"[-array.ndim :])


@st.composite
def regions(draw, shape, level):
    step = 2 ** max(level, 0)
    edges = []
    for length in shape:
        cells = -(-length // step)
        start = draw(st.integers(0, cells - 1))
        edges.append((start * step, draw(st.integers(start + 1, cells)) * step))
    (y0, y1), (x0, x1) = edges
    return y0, x0, y1, x1


@at_leisure
@given(images(), st.integers(0, 6), st.data())
def test_means_are_those_of_the_normalised_plane(image, level, data):
    how = quietly(image)
    region = data.draw(regions(image.plane_shape, level))
    expected = means(how.to_rgb8(image.read_plane()), region, level)
    block = data.draw(st.sampled_from([32, 256, 2**24]))  # some less than a pixel
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaled, "_BLOCK_BYTES", block)
        result = read_rgb8(image, how, (), region, level)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)


@at_leisure
@given(images(), st.integers(-4, -1), st.data())
def test_magnification_is_bilinear_with_centres_aligned(image, level, data):
    how = quietly(image)
    region = data.draw(regions(image.plane_shape, level))
    expected = magnified(how.to_rgb8(image.read_plane()), region, 2**-level)
    result = read_rgb8(image, how, (), region, level)
    np.testing.assert_array_equal(result, expected)


def test_means_and_magnification_by_hand():
    image = open_image(np.array([[0, 100, 3], [2, 100, 4]], np.uint8))
    assert read_rgb8(image, AS_IT_IS, (), (0, 0, 2, 4), 1)[..., 0].tolist() == [[51, 4]]
    assert read_rgb8(image, AS_IT_IS, (), (0, 0, 1, 2), -1)[..., 0].tolist() == [
        [0, 25, 75, 76],
        [1, 25, 75, 76],
    ]


@pytest.mark.parametrize("level", range(FINEST, 4))
def test_tiles_agree_with_one_big_read(level):
    side = {-3: 30, -2: 50, -1: 70}.get(level, 100 * 2**level)
    h, w = side + 1, side + 5
    plane = np.random.default_rng(0).integers(0, 256, (h, w)).astype(np.uint8)
    image = open_image(plane)
    grid = Grid((h, w), 64)
    step = 2 ** max(level, 0)
    rows, cols = grid.level_shape(level)
    whole = read_rgb8(
        image, AS_IT_IS, (), (0, 0, -(-h // step) * step, -(-w // step) * step), level
    )
    assert whole.shape == (rows, cols, 3)
    assert grid.shape(level) > (1, 1)
    for tile in grid.overlapping(level, (0, 0, h, w)):
        part = read_rgb8(image, AS_IT_IS, (), tile.region, level)
        assert part.shape[:2] == tile.resized_shape
        y, x = tile.address.row * 32, tile.address.col * 32
        np.testing.assert_array_equal(part, whole[y : y + 64, x : x + 64])


def with_pyramid(levels, h=300, w=260):
    """An image and its counting arrays; the copies differ from means on purpose."""
    rng = np.random.default_rng(1)
    arrays = {
        k: Counter(rng.integers(0, 256, (-(-h >> k), w >> k)).astype(np.uint8))
        for k in (0, *levels)
    }
    image = open_image([arrays[k] for k in sorted(arrays)])
    assert image.levels == tuple(sorted(arrays))
    return image, arrays


def test_a_level_of_the_pyramid_is_read_and_no_other():
    image, arrays = with_pyramid([1, 3])
    result = read_rgb8(image, AS_IT_IS, (), (64, 32, 128, 64), 3)
    np.testing.assert_array_equal(result[..., 2], arrays[3].array[8:16, 4:8])
    assert [arrays[k].pixels for k in (0, 1, 3)] == [0, 0, 8 * 4]


def test_a_missing_level_is_made_from_the_nearest_finer_one():
    image, arrays = with_pyramid([1, 3])
    result = read_rgb8(image, AS_IT_IS, (), (64, 32, 128, 64), 2)
    rgb = np.repeat(arrays[1].array[..., None], 3, -1)
    np.testing.assert_array_equal(result, means(rgb, (32, 16, 64, 32), 1))
    assert [arrays[k].pixels for k in (0, 1, 3)] == [0, 32 * 16, 0]
    read_rgb8(image, AS_IT_IS, (), (64, 32, 128, 64), -1)
    assert arrays[0].pixels == (64 + 2) * (32 + 2)
    assert [arrays[k].pixels for k in (1, 3)] == [32 * 16, 0]


def test_a_pyramid_that_was_rounded_down_ends_with_its_last_pixels():
    image, arrays = with_pyramid([3], h=300, w=263)
    assert image.level_shape(3) == (38, 32)
    result = read_rgb8(image, AS_IT_IS, (), (296, 248, 304, 264), 3)[..., 0]
    last = arrays[3].array[37]
    assert result.tolist() == [[last[31], last[31]]]
    result = read_rgb8(image, AS_IT_IS, (), (296, 256, 304, 264), 3)[..., 0]
    assert result.tolist() == [[last[31]]]


class Loaded(Counter):
    """An array that takes memory for what is read of it, as files do."""

    def __getitem__(self, key):
        return super().__getitem__(key).copy()


@pytest.mark.parametrize(
    ("level", "chunks"), [(5, None), (5, (1000, 3000)), (13, (512, 512))]
)
def test_memory_is_bounded_however_coarse_the_level(level, chunks):
    side = 2**13
    row = (np.arange(side) % 1000).astype(np.uint16)
    source = Loaded(np.broadcast_to(row, (side, side)), chunks)  # 134 MB
    how = Normalization((0.0,), (999.0,), (0, 0, 0))
    tracemalloc.start()
    try:
        result = read_rgb8(open_image(source), how, (), (0, 0, side, side), level)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert source.pixels == side * side
    assert abs(float(result.mean()) - 127.5) < 5
    assert peak < 64e6


@pytest.mark.parametrize("chunks", [(256, 256), (64, 64), (512, 128), (16, 2048)])
def test_no_chunk_is_decoded_twice(chunks, monkeypatch):
    monkeypatch.setattr(scaled, "_BLOCK_BYTES", 2**18)
    array = np.broadcast_to(np.uint16(7), (2000, 2048))
    source = Counter(array, chunks)
    read_rgb8(open_image(source), AS_IT_IS, (), (0, 0, 2048, 2048), 8)
    assert len(source.keys) > 4
    assert set(source.decodings().values()) == {1}
    # From elsewhere than the origin of the blocks.
    source.keys.clear()
    read_rgb8(open_image(source), AS_IT_IS, (), (768, 768, 1792, 1792), 8)
    assert set(source.decodings().values()) == {1}


def test_only_the_region_is_read():
    source = Counter(np.broadcast_to(np.uint16(7), (3, 10**6, 10**6)))
    image = open_image(source, axes="zyx")
    read_rgb8(image, AS_IT_IS, (1,), (2**18, 2**19, 2**18 + 512, 2**19 + 256), 4)
    assert source.pixels == 512 * 256
    assert {key[0] for key in source.keys} == {1}


def test_nan_is_filled_and_told_once():
    plane = np.linspace(0, 1, 64 * 64, dtype="f4").reshape(64, 64)
    plane[3, 3] = plane[40, 40] = np.nan
    image = open_image(plane)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaled, "_BLOCK_BYTES", 64)
        with pytest.warns(HqsamWarning, match="NaN or infinite") as caught:
            result = read_rgb8(image, quietly(image), (), (0, 0, 64, 64), 2)
    assert len(caught) == 1
    filled = np.nan_to_num(plane, nan=0)
    np.testing.assert_array_equal(
        result, means(quietly(image).to_rgb8(filled), (0, 0, 64, 64), 2)
    )


@pytest.mark.parametrize(
    ("region", "level"),
    [
        ((0, 0, 9, 8), 1),  # ends within a network pixel
        ((1, 0, 9, 8), 1),
        ((0, 0, 14, 8), 1),  # a network pixel beyond the plane
        ((0, 0, 12, 8), 0),
        ((0, 0, 12, 8), -1),
        ((-2, 0, 8, 8), 1),
        ((4, 0, 4, 8), 1),
        ((0, 0, 8), 1),
        ((0, 0, 8.5, 8), 0),
        ((0, 0, 8, 8), -9),
    ],
)
def test_a_region_must_be_of_whole_network_pixels_on_the_plane(region, level):
    image = open_image(np.zeros((11, 12), np.uint8))
    with pytest.raises(ImageError, match="level") as caught:
        read_rgb8(image, AS_IT_IS, (), region, level)
    assert "\n" not in str(caught.value)


def test_a_wrong_plane_index_is_told_here_too():
    image = open_image(np.zeros((3, 11, 12), np.uint8), axes="zyx")
    with pytest.raises(ImageError, match="plane index"):
        read_rgb8(image, AS_IT_IS, (), (0, 0, 8, 8), 1)
