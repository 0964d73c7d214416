"""Slices across any axis of an image, and planes that are named by axes."""

import numpy as np
import pytest

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry import Plane, Reslice
from napari_hqsam.images import open_image
from napari_hqsam.prompts import read_prompts

SHAPE = dict(zip("tczyx", (2, 3, 4, 5, 6), strict=True))


@pytest.mark.parametrize("across", ["t", "z", "y", "x"])
@pytest.mark.parametrize("axes", ["tczyx", "yxtzc", "ztyx"])
def test_slices_across_any_axis_are_planes_of_the_labels(axes, across):
    pixels = np.random.default_rng(0).integers(0, 200, [SHAPE[a] for a in axes])
    image = open_image(pixels.astype("u1"), axes=axes, channels=0)
    dims = f"{image.leading_axes}yx"
    reslice = Reslice.across(dims, across)
    resliced = open_image(image.array, axes=reslice.letters(axes), channels=0)
    labels = np.stack([image.read_at(i) for i in np.ndindex(image.leading_shape)])
    labels = labels.reshape([SHAPE[a] for a in dims])
    assert SHAPE[across] not in resliced.plane_shape
    for position in np.ndindex(resliced.leading_shape):
        index = resliced.index_at(position)
        plane = reslice.plane(index)
        assert reslice.index(plane) == index
        whole = (0, 0, *resliced.plane_shape)
        np.testing.assert_array_equal(
            plane.read(labels, whole), resliced.read_at(position)[..., 0]
        )


def test_a_plane_along_the_last_axes_is_not_resliced():
    assert Reslice.across("tzyx", "t").plane({"t": 1, "z": 2}) == Plane((1, 2), (2, 3))


@pytest.mark.parametrize(
    ("table", "position"),
    [("y,x,t,z\n1,1,0,2", (2, 0)), ("axis-0,axis-1,axis-2,axis-3\n2,0,1,1", (2, 0))],
)
def test_columns_of_prompts_find_their_axes(tmp_path, table, position):
    (tmp_path / "p.csv").write_text(table)
    (prompt,) = read_prompts(tmp_path / "p.csv")
    image = open_image(np.zeros((3, 2, 4, 5), "u1"), axes="ztyx")
    assert image.position(prompt.plane) == position
    with pytest.raises(ImageError, match=r"axis t|axis-0, axis-1, \.\.\. do not fit"):
        open_image(np.zeros((3, 4, 5), "u1"), axes="zyx").position(prompt.plane)
