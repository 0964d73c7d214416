"""Planes, regions and channels are the right pixels, and no others are read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hqsam.errors import ImageError
from napari_hqsam.images import (
    Normalization,
    fingerprint,
    normalization,
    open_image,
    read_rgb8,
)
from napari_hqsam.images.sampling import MAX_PLANES, MAX_WINDOWS

SIZES = {"t": 2, "z": 3, "c": 4, "y": 5, "x": 6}


def numbered(axes):
    """Array in which every pixel tells its t, z, c, y, x in decimal digits."""
    full = np.indices([SIZES[a] for a in "tzcyx"])
    values = np.tensordot([10000, 1000, 100, 10, 1], full, 1)
    keep = tuple(slice(None) if a in axes else 0 for a in "tzcyx")
    kept = [a for a in "tzcyx" if a in axes]
    return values[keep].transpose([kept.index(a) for a in axes])


class Recorder:
    """An array that notes what is asked of it."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.pixels = 0
        self.keys = []

    def __getitem__(self, key):
        self.keys.append(key)
        block = self.array[key]
        self.pixels += block.size
        return block


@settings(deadline=None, max_examples=50)
@given(
    axes=st.permutations("tzcyx").flatmap(
        lambda p: st.integers(0, 3).map(lambda n: [a for a in p if a not in "tzc"[:n]])
    ),
    data=st.data(),
)
def test_every_axis_order_gives_the_same_pixels(axes, data):
    axes = "".join(axes)
    array = numbered(axes)
    image = open_image(array, axes=axes)
    lead = [a for a in axes if a not in "cyx"]
    assert image.leading_axes == "".join(lead)
    assert image.plane_shape == (5, 6)
    index = tuple(data.draw(st.integers(0, SIZES[a] - 1)) for a in lead)
    y0, y1 = sorted(data.draw(st.lists(st.integers(0, 5), min_size=2, max_size=2)))
    x0, x1 = sorted(data.draw(st.lists(st.integers(0, 6), min_size=2, max_size=2)))
    y1, x1 = y1 + (y0 == y1 < 5), x1 + (x0 == x1 < 6)
    y0, x0 = y0 - (y0 == y1), x0 - (x0 == x1)
    at = dict(zip(lead, index, strict=True))
    base = 10000 * at.get("t", 0) + 1000 * at.get("z", 0)
    y, x = np.mgrid[y0:y1, x0:x1]
    expected = [base + 100 * c + 10 * y + x for c in image.shown_channels]
    plane = image.read_plane(at, (y0, x0, y1, x1))
    np.testing.assert_array_equal(plane, np.stack(expected, -1))


def test_only_the_plane_asked_for_is_read():
    source = Recorder(numbered("tzcyx"))
    image = open_image(source, axes="tzcyx", channels=[3, 1])
    assert source.keys == []
    plane = image.read_plane({"z": 2, "t": 1})
    assert source.pixels == 2 * 5 * 6
    np.testing.assert_array_equal(plane[0, 0], [12300, 12100])


def test_only_the_region_asked_for_is_read():
    source = Recorder(numbered("zyxc"))
    image = open_image(source, axes="zyxc", channels=2)
    plane = image.read_plane((1,), (2, 1, 4, 6))
    assert source.pixels == 2 * 5 * 4  # interleaved: all channels, once
    assert plane.shape == (2, 5, 1)
    assert plane[0, 0, 0] == 1221


@pytest.mark.parametrize(
    ("n_channels", "channels", "mapping"),
    [
        (1, None, (0, 0, 0)),
        (2, None, (0, 1, 1)),
        (3, None, (0, 1, 2)),
        (5, None, (0, 1, 2)),
        (5, 4, (4, 4, 4)),
        (5, [4], (4, 4, 4)),
        (5, (3, 1), (3, 1, 1)),
        (5, np.array([2, 0, 2]), (2, 0, 2)),
    ],
)
def test_channel_mapping(n_channels, channels, mapping):
    image = open_image(np.zeros((n_channels, 4, 5)), axes="cyx", channels=channels)
    assert image.channels == mapping
    assert image.n_channels == n_channels
    assert image.read_plane().shape == (4, 5, len(set(mapping)))


@pytest.mark.parametrize("channels", [3, -1, [0, 3], [], [0, 1, 2, 0], "0", 1.0])
def test_channels_out_of_range_or_no_channels(channels):
    with pytest.raises(ImageError, match="channel"):
        open_image(np.zeros((3, 4, 5)), axes="cyx", channels=channels)


def test_alpha_of_a_colour_array_is_not_shown():
    image = open_image(np.zeros((4, 5, 4), np.uint8))
    assert image.is_rgb
    assert image.channels == (0, 1, 2)


def test_three_fluorescence_channels_are_no_colour_picture():
    assert not open_image(np.zeros((3, 4, 5), np.uint8), axes="cyx").is_rgb


@pytest.mark.parametrize(
    "index",
    [
        *((), (0,), 0, (0, 1), (0, 0, 0), "01", None, {"z": 1}),
        *({"t": 0, "z": 3}, {"t": -1, "z": 0}, {"z": 0.0, "t": 1}),
        {"t": 0, "z": 0, "c": 0},
    ],
)
def test_wrong_plane_index_is_one_clear_line(index):
    image = open_image(np.zeros((2, 3, 4, 5)), axes="tzyx")
    with pytest.raises(ImageError, match="plane") as caught:
        image.read_plane(index)
    assert "\n" not in str(caught.value)


def test_numbers_without_names_are_an_error_that_says_how_to_name_them():
    image = open_image(np.zeros((2, 3, 4, 5)), axes="tzyx")
    for index in (1, (1, 2), [0, 0]):
        with pytest.raises(ImageError, match=r'plane=\{"t": 0, "z": 0\}'):
            image.read_plane(index)


def test_plane_index_may_be_a_bare_int_or_numpy_ints():
    image = open_image(numbered("zyx"), axes="zyx")
    assert image.read_plane(2)[0, 0, 0] == 2000
    assert image.read_plane(np.array([1]))[0, 0, 0] == 1000


@pytest.mark.parametrize(
    "region",
    [
        (0, 0, 6, 6),
        (-1, 0, 2, 2),
        (2, 0, 2, 6),
        (0, 0, 5),
        (0, 0, 1.5, 2),
        (3, 0, 1, 6),
    ],
)
def test_wrong_region(region):
    image = open_image(np.zeros((5, 6)))
    with pytest.raises(ImageError, match="region"):
        image.read_plane((), region)


def test_singleton_axes_need_no_index():
    image = open_image(np.zeros((1, 3, 1, 4, 5)), axes="tzcyx")
    assert (image.leading_axes, image.leading_shape) == ("z", (3,))
    assert image.read_plane((2,)).shape == (4, 5, 1)


def test_planes_cannot_be_written_to():
    array = np.arange(20.0).reshape(4, 5)
    plane = open_image(array).read_plane()
    with pytest.raises(ValueError, match="read-only"):
        plane[0, 0, 0] = 7
    array[0, 0] = 1  # the source itself stays as writable as it was


@pytest.mark.parametrize("dtype", ["c8", "O", "U3", "M8[s]", "V4", "g"])
def test_unfit_data_types(dtype):
    with pytest.raises(ImageError, match="data type"):
        open_image(np.empty((4, 5), dtype))


@pytest.mark.parametrize("shape", [(0, 5), (4, 0), (0, 4, 5)])
def test_empty_arrays(shape):
    with pytest.raises(ImageError, match="empty"):
        open_image(np.zeros(shape), axes="zyx"[-len(shape) :])


@pytest.mark.parametrize("source", [None, 5, [[1, 2], [3, 4]], object()])
def test_what_is_no_image(source):
    with pytest.raises(ImageError, match="is no image"):
        open_image(source)


def test_a_data_type_that_numpy_does_not_know():
    class Foreign(Recorder):
        def __init__(self):
            self.shape, self.dtype = (4, 5), "torch.bfloat16"

    with pytest.raises(ImageError, match=r"torch\.bfloat16"):
        open_image(Foreign())


def test_a_source_that_fails_to_read_is_an_image_error():
    class Broken(Recorder):
        def __getitem__(self, key):
            raise RuntimeError("codec\nfailed")

    image = open_image(Broken(np.zeros((4, 5))))
    with pytest.raises(ImageError, match=r"\[0:4, 0:5\].*codec failed"):
        image.read_plane()


def counted(shape, chunks):
    """A dask array of its own chunk numbers, and the chunks that were computed."""
    da = pytest.importorskip("dask.array")
    computed = []

    def compute(block_info):
        place = block_info[None]["chunk-location"]
        computed.append(place)
        return np.full(block_info[None]["chunk-shape"], sum(place), np.uint16)

    sizes = da.core.normalize_chunks(chunks, shape)
    meta = np.empty((0,) * len(shape), np.uint16)
    array = da.map_blocks(compute, chunks=sizes, dtype=np.uint16, meta=meta)
    return array, computed


def test_of_a_dask_array_only_the_chunks_asked_for_are_computed():
    array, computed = counted((50, 10_000, 10_000), (1, 500, 500))
    image = open_image(array, axes="zyx")
    assert (image.axes, image.chunk_shape(0)) == ("zyx", (500, 500))
    assert computed == []
    region = image.read_plane((7,), (499, 1000, 502, 1500))
    assert sorted(computed) == [(7, 0, 2), (7, 1, 2)]
    np.testing.assert_array_equal(region[:, 0, 0], [9, 10, 10])


def test_a_coarse_read_computes_every_dask_chunk_of_the_region_once():
    array, computed = counted((5, 4096, 4096), (1, 512, 1024))
    image = open_image(array, axes="zyx")
    how = Normalization((0.0,), (255.0,), (0, 0, 0))
    pixels = read_rgb8(image, how, (3,), (1024, 0, 3072, 2048), 9)
    assert sorted(computed) == [(3, y, x) for y in range(2, 6) for x in (0, 1)]
    assert pixels[..., 0].tolist() == [
        [y + x + 3 for x in (0, 0, 1, 1)] for y in range(2, 6)
    ]


def test_the_sample_of_a_dask_array_is_bounded():
    array, computed = counted((50, 10_000, 10_000), (1, 512, 512))
    image = open_image(array, axes="zyx")
    normalization(image)
    assert len(computed) <= MAX_WINDOWS
    assert len({z for z, _, _ in computed}) == MAX_PLANES
    computed.clear()
    fingerprint(image)
    assert len(computed) <= 4
