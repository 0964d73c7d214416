"""Axes strings are checked; guesses are made only where there is no doubt."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry.axes import axes_from_names
from napari_hqsam.images import open_image


@pytest.mark.parametrize(
    ("shape", "dtype", "axes"),
    [
        ((6, 7), "f4", "yx"),
        ((1, 1), "u1", "yx"),
        ((6, 7, 3), "u1", "yxc"),
        ((6, 7, 4), "u2", "yxc"),
        ((1, 1, 3), "u1", "yxc"),
        ((1, 6, 7), "f4", "zyx"),
        ((1, 1, 1, 6, 7), "u2", "tczyx"),
        ((1, 6, 7, 3), "u1", "zyxc"),
    ],
)
def test_axes_are_guessed_where_only_one_answer_is_plausible(shape, dtype, axes):
    image = open_image(np.zeros(shape, dtype))
    assert image.axes == axes
    assert image.leading_axes == ""


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((5, 6, 7), "u1"),
        ((6, 7, 3), "f4"),  # colour as floats, or a stack of narrow planes?
        ((3, 6, 7), "u1"),
        ((5, 6, 7, 3), "u1"),
        ((2, 1, 6, 7), "u1"),
    ],
)
def test_doubtful_shapes_ask_for_axes(shape, dtype):
    with pytest.raises(ImageError, match="pass axes"):
        open_image(np.zeros(shape, dtype))


def test_an_image_has_two_dimensions_at_least():
    with pytest.raises(ImageError, match="at least 2 dimensions"):
        open_image(np.zeros(5))


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("yx", "2 dimensions, the image has 3"),
        ("zzx", "z twice"),
        ("csx", "c twice"),  # samples are channels
        ("tzx", "must contain y and x"),
        ("z,x", "must be letters"),
        ("", "must be letters"),
    ],
)
def test_wrong_axes_are_named(axes, message):
    with pytest.raises(ImageError, match=message):
        open_image(np.zeros((4, 5, 6)), axes=axes)


def test_axes_may_be_upper_case_and_samples_are_channels():
    image = open_image(np.zeros((4, 5, 3)), axes="YXS")
    assert image.axes == "yxc"
    assert image.is_rgb


def test_dimension_names_that_make_no_axes_leave_the_question_open(tmp_path):
    zarr.create_array(
        str(tmp_path / "a.zarr"),
        shape=(2, 6, 7),
        dtype="u1",
        dimension_names=["time", "track", "x"],
    )
    with pytest.raises(ImageError, match="pass axes"):
        open_image(tmp_path / "a.zarr")


class Labelled:
    """As an xarray array: dimensions have names, which need not be text."""

    def __init__(self, array, dims):
        self.array, self.dims = array, dims
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key):
        return Labelled(self.array[key], self.dims)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)


@pytest.mark.parametrize(
    ("dims", "axes"),
    [
        (("time", "channel", "y", "x"), "tcyx"),
        (("T", "Z", "Y", "X"), "tzyx"),
        (("x", "y", "z", "c"), "xyzc"),
    ],
)
def test_the_dims_of_an_array_are_its_axes(dims, axes):
    array = Labelled(np.arange(2 * 3 * 6 * 7).reshape(2, 3, 6, 7), dims)
    image = open_image(array)
    assert image.axes == axes
    index = dict.fromkeys(image.leading_axes, 1)
    other = open_image(array.array, axes=axes)
    np.testing.assert_array_equal(image.read_plane(index), other.read_plane(index))
    assert open_image(array, axes="zcyx").axes == "zcyx"  # what is passed goes first
    assert open_image([array, Labelled(np.zeros((1, 1, 3, 3)), dims)]).axes == axes


@pytest.mark.parametrize(
    "dims", [("dim_0", "dim_1"), (0, 1), ("row", "col"), None, "yx", {"y": 6, "x": 7}]
)
def test_dims_that_name_no_axes_leave_them_to_be_guessed(dims):
    assert open_image(Labelled(np.zeros((6, 7)), dims)).axes == "yx"
    with pytest.raises(ImageError, match="pass axes"):
        open_image(Labelled(np.zeros((5, 6, 7)), dims))


def test_names_that_xarray_left_in_a_zarr_v2_array(tmp_path):
    zarr.create_array(
        str(tmp_path / "a.zarr"),
        shape=(2, 6, 7),
        dtype="u1",
        zarr_format=2,
        attributes={"_ARRAY_DIMENSIONS": ["time", "y", "x"]},
    )
    assert open_image(tmp_path / "a.zarr").axes == "tyx"


@pytest.mark.parametrize(
    ("names", "letters"),
    [
        (("time", "Channel", "depth", "row", "col"), "tczyx"),
        (("t [s]", "z_um", "Y", "X"), "tzyx"),
        (("phase", "position", "y", "x"), "poyx"),
        (("cell", "y", "x"), "eyx"),  # no channel
        (("theta", "time", "y", "x"), "htyx"),
        (("x", "y", "z"), "xyz"),
        (("-3", "-2", "-1"), None),  # napari's default
        (("time", "lat", "lon"), "tyx"),
        (("Frame", "Latitude", "Longitude"), "tyx"),
        (("band", "northing", "easting"), "cyx"),
        (("timepoint", "height", "width"), "tyx"),
        (("height", "y", "x"), "hyx"),  # no y beside another
        (("lat", "x"), None),
        (("y", "y"), None),
        ((None, "y", "x"), None),
    ],
)
def test_a_name_without_a_meaning_gets_a_letter_without_one(names, letters):
    assert axes_from_names(names) == letters
