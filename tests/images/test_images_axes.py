"""Axes strings are checked; guesses are made only where there is no doubt."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_hqsam.errors import ImageError
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
