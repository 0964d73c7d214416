"""One normalisation per image: monotone, bounded, the same in every tile."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.images import Normalization, normalization, open_image
from napari_hqsam.images.sampling import MAX_PLANES, WHOLE_PLANE_PIXELS

NUMBERS = st.sampled_from("bool u1 i1 u2 i2 u4 i4 u8 i8 f2 f4 f8".split())
FINITE = {"allow_nan": False, "allow_infinity": False}
GREY = (0, 0, 0)
at_leisure = settings(deadline=None, max_examples=50)


@st.composite
def planes(draw, dtypes=NUMBERS):
    dtype = np.dtype(draw(dtypes))
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=6))
    elements = FINITE if dtype.kind == "f" else {}
    return draw(hnp.arrays(dtype, shape, elements=hnp.from_dtype(dtype, **elements)))


def quietly(plane, spec="percentile", **kwargs):
    """Normalise without the warning about constant planes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HqsamWarning)
        return normalization(open_image(plane, **kwargs), spec)


@at_leisure
@given(planes(), st.data())
def test_brighter_pixels_are_never_darker(plane, data):
    limits = st.floats(-1e5, 1e5)
    low, high = sorted([data.draw(limits), data.draw(limits)])
    for how in (quietly(plane), Normalization((low,), (high,), GREY)):
        rgb = how.to_rgb8(plane)
        assert rgb.dtype == np.uint8
        assert rgb.shape == (*plane.shape, 3)
        order = np.argsort(plane, axis=None, kind="stable")
        assert (np.diff(rgb[..., 0].ravel()[order].astype(int)) >= 0).all()


@at_leisure
@given(planes(), st.data())
def test_a_crop_is_normalised_like_the_plane(plane, data):
    how = quietly(plane)
    h, w = plane.shape
    y0, x0 = data.draw(st.integers(0, h - 1)), data.draw(st.integers(0, w - 1))
    crop = (slice(y0, data.draw(st.integers(y0 + 1, h))), slice(x0, None))
    np.testing.assert_array_equal(how.to_rgb8(plane[crop]), how.to_rgb8(plane)[crop])


@at_leisure
@given(
    hnp.arrays("i8", (5, 7), elements=st.integers(-1000, 1000)),
    st.integers(1, 10**6),
    st.integers(-(10**9), 10**9),
)
def test_percentile_normalisation_ignores_gain_and_offset(plane, gain, offset):
    other = plane * gain + offset
    np.testing.assert_array_equal(
        quietly(plane).to_rgb8(plane), quietly(other).to_rgb8(other)
    )


@at_leisure
@given(planes(st.sampled_from("u2 i2 u4 f4 f8".split())))
def test_byte_order_makes_no_difference(plane):
    swapped = plane.astype(plane.dtype.newbyteorder())
    assert quietly(plane) == quietly(swapped)
    how = quietly(plane)
    np.testing.assert_array_equal(how.to_rgb8(plane), how.to_rgb8(swapped))


@at_leisure
@given(planes(st.sampled_from("bool u1 i1 u2 i2".split())))
def test_looked_up_values_equal_computed_ones(plane):
    how = Normalization((-3.5,), (77.0,), GREY)
    np.testing.assert_array_equal(
        how.to_rgb8(plane), how.to_rgb8(plane.astype(np.float64))
    )


@at_leisure
@given(st.floats(**FINITE), st.floats(**FINITE))
@example(low=-1.7e308, high=1.7e308)
@example(low=0.0, high=5e-324)
def test_limits_of_any_size_map_to_black_and_white(low, high):
    assume(low < high)
    plane = np.array([[low, high, -np.finfo("f8").max, np.finfo("f8").max]])
    rgb = quietly(plane, (low, high)).to_rgb8(plane)
    assert rgb[0, :, 0].tolist() == [0, 255, 0, 255]


def test_the_formula():
    plane = np.array([[10.0, 20.0, 15.0, 12.0, 9.0, 21.0]])
    rgb = quietly(plane, (10, 20)).to_rgb8(plane)
    assert rgb[0, :, 1].tolist() == [0, 255, 128, 51, 0, 255]


def test_none_leaves_8_bits_as_they_are():
    plane = np.arange(256, dtype=np.uint8).reshape(16, 16)
    rgb = quietly(plane, "none").to_rgb8(plane)
    np.testing.assert_array_equal(rgb, np.repeat(plane[..., None], 3, -1))


@pytest.mark.parametrize("dtype", ["i1", "u2", "f4"])
def test_none_is_for_8_bits_only(dtype):
    with pytest.raises(ImageError, match='use "percentile"'):
        quietly(np.zeros((4, 5), dtype), "none")


@pytest.mark.parametrize("spec", ["percentile", "none", (0, 1)])
def test_bool_is_black_and_white(spec):
    plane = np.array([[True, False]])
    rgb = normalization(open_image(plane), spec).to_rgb8(plane)
    assert rgb[0, :, 0].tolist() == [255, 0]


def test_percentiles_leave_out_hot_pixels():
    plane = np.random.default_rng(0).integers(100, 201, (100, 100)).astype("u2")
    plane[0, :5], plane[1, :5] = 60000, 0
    how = quietly(plane)
    assert how.lows == (100,)
    assert how.highs == (200,)


def test_sparse_bright_pixels_are_not_a_constant_image():
    plane = np.zeros((100, 100))
    plane[3, 4] = 8
    rgb = normalization(open_image(plane)).to_rgb8(plane)  # no warning
    assert rgb[3, 4].tolist() == [255, 255, 255]
    assert rgb.sum() == 3 * 255


@pytest.mark.parametrize("plane", [np.full((4, 5), 7.5), np.array([[3]], "u1")])
def test_constant_and_one_pixel_images_are_mid_grey_with_a_warning(plane):
    with pytest.warns(HqsamWarning, match="constant"):
        how = normalization(open_image(plane))
    rgb = how.to_rgb8(plane)
    assert (rgb == 128).all()
    # What the sample missed is still seen.
    assert how.to_rgb8(plane + plane.dtype.type(1)).min() == 255


def test_nan_and_infinity_are_filled_and_counted():
    plane = np.linspace(0, 1, 20, dtype="f4").reshape(4, 5)
    plane[0, 0], plane[1, 1], plane[2, 2] = np.nan, np.inf, -np.inf
    how = normalization(open_image(plane))
    assert np.isfinite((how.lows, how.highs)).all()
    with pytest.warns(HqsamWarning, match="3 of 20"):
        rgb = how.to_rgb8(plane)
    assert rgb[0, 0, 0] == rgb[1, 1, 0] == rgb[2, 2, 0] == 0
    assert rgb[3, 4, 0] == 255
    assert np.isnan(plane[0, 0])


def test_an_image_of_nan_alone_is_an_error():
    with pytest.raises(ImageError, match="no finite pixel"):
        quietly(np.full((4, 5), np.nan))


def test_channels_are_normalised_on_their_own_and_mapped():
    image = open_image(
        np.arange(4).reshape(1, 2, 2) + np.array([0, 50, 900])[:, None, None],
        axes="cyx",
        channels=[2, 0],
    )
    how = normalization(image)
    assert (how.lows, how.highs) == ((900, 0), (903, 3))
    rgb = how.to_rgb8(image.read_plane())
    assert rgb[0, 1].tolist() == [85, 85, 85]
    pairs = normalization(image, [(900, 902), (0, 255)])
    assert pairs.to_rgb8(image.read_plane())[1, 0].tolist() == [255, 2, 2]


def test_colours_keep_their_hue():
    array = np.zeros((10, 10, 3), np.uint8)
    array[...] = [[[200, 100, 50]]]
    array[0, 0] = 0
    image = open_image(array)
    rgb = normalization(image).to_rgb8(image.read_plane())
    assert rgb[5, 5].tolist() == [255, 128, 64]


@pytest.mark.parametrize(
    "spec",
    [
        (5, 5),
        (5, 1),
        (0, np.nan),
        (0, np.inf),
        (1, 2, 3),
        [(0, 1)] * 3,
        ("a", "b"),
        [],
        [(0, 1), (2,)],
        "minmax",
        None,
    ],
)
def test_limits_that_are_none(spec):
    image = open_image(np.zeros((2, 4, 5)), axes="cyx")
    with pytest.raises(ImageError, match=r"contrast limits|normalization"):
        normalization(image, spec)


def test_a_plane_with_other_channels_does_not_fit():
    how = Normalization((0.0, 0.0), (1.0, 1.0), (0, 1, 1))
    with pytest.raises(ImageError, match="does not fit"):
        how.to_rgb8(np.zeros((4, 5, 3)))


def test_tall_planes_are_converted_in_parts_without_a_seam():
    plane = np.linspace(0, 1, 1100 * 1000, dtype="f4").reshape(1100, 1000)
    rgb = Normalization((0.0,), (1.0,), GREY).to_rgb8(plane)[..., 0]
    np.testing.assert_array_equal(rgb, np.rint(plane.astype("f8") * 255))


class Endless:
    """A huge image made on demand, which counts what is read of it."""

    def __init__(self, shape, chunk=256):
        self.shape, self.dtype, self.chunk = shape, np.dtype("u2"), chunk
        self.pixels, self.chunks = 0, 0

    def __getitem__(self, key):
        *lead, ys, xs = key
        y, x = np.ogrid[ys, xs]
        self.pixels += y.size * x.size
        edges = [
            (s.stop - 1) // self.chunk - s.start // self.chunk + 1 for s in (ys, xs)
        ]
        self.chunks += edges[0] * edges[1]
        return ((y // 1000 + x // 1000 + sum(lead)) % 1000).astype("u2")


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((100_000, 100_000), "yx"),
        ((200, 50_000, 50_000), "zyx"),
        ((3_000_000, 40), "yx"),
        ((40, 5000, 5000), "zyx"),
    ],
)
def test_the_sample_is_bounded_and_repeatable(shape, axes):
    first, second = Endless(shape), Endless(shape)
    how = normalization(open_image(first, axes=axes))
    assert first.pixels <= MAX_PLANES * WHOLE_PLANE_PIXELS
    assert normalization(open_image(second, axes=axes)) == how
    assert how.highs[0] > how.lows[0]


def test_windows_lie_each_in_one_chunk():
    source = Endless((100_000, 100_000))
    normalization(open_image(source))
    assert source.chunks == 64


def test_the_sample_reaches_over_the_whole_stack():
    stack = np.zeros((100, 8, 8))
    stack[0], stack[-1] = -5, 9
    how = quietly(stack, axes="zyx")
    assert (how.lows, how.highs) == ((-5,), (9,))


def test_equal_normalisations_are_equal_keys():
    array = np.arange(20).reshape(4, 5)
    first, second = quietly(array), quietly(array)
    assert first == second
    assert len({first, second}) == 1
    assert repr(first) == repr(second)
    assert first != quietly(array, (0, 1))


def test_one_that_was_made_is_taken_as_it_is():
    image = open_image(np.arange(60, dtype="u2").reshape(6, 10))
    flat = Normalization((7.0,), (7.0,), GREY)  # its limits could not be given
    for how in (flat, normalization(image)):
        assert normalization(image, how) is how
    colour = open_image(np.zeros((6, 10, 3), "u1"))
    with pytest.raises(ImageError, match="for other channels than the 3 shown"):
        normalization(colour, flat)
