"""Planes are named by axis letters, whatever the order of the axes in the file."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_hqsam import open_image, read_prompts
from napari_hqsam.errors import ImageError


def position(image, table, tmp_path):
    """Where an image has the plane of a table's only row."""
    (tmp_path / "p.csv").write_text(table)
    (prompt,) = read_prompts(tmp_path / "p.csv", axes=image.axes)
    return image.index_at(image.position(prompt.plane))


def image_of(axes, **sizes):
    shape = [sizes.get(a, {"y": 8, "x": 9}.get(a, 3)) for a in axes]
    return open_image(np.zeros(shape, np.uint8), axes=axes)


@pytest.mark.parametrize(
    ("axes", "table", "plane"),
    [
        ("ztyx", "t,z,y,x\n2,0,1,1", {"z": 0, "t": 2}),
        ("tzyx", "Z,T,Y,X\n1,2,1,1", {"t": 2, "z": 1}),
        ("pzyx", "y,x,z,p\n1,1,2,0", {"p": 0, "z": 2}),
        ("zcyx", "z,c,y,x\n2,1,1,1", {"z": 2}),
        ("zcyx", "index,axis-0,axis-1,axis-2,axis-3\n0,2.0,1,1,1", {"z": 2}),
        ("zcyx", "index,axis-0,axis-1,axis-2\n0,2.0,1,1", {"z": 2}),
        ("czyx", "axis-0,axis-1,axis-2,axis-3\n1,2,1,1", {"z": 2}),
        ("zyxc", "axis-0,axis-1,axis-2\n2,1,1", {"z": 2}),
    ],
)
def test_each_column_finds_its_axis(tmp_path, axes, table, plane):
    assert position(image_of(axes), table, tmp_path) == plane


@pytest.mark.parametrize(
    ("axes", "table", "words"),
    [
        ("zyx", "t,y,x\n2,1,1", "axis t, which array does not have; its axes are z"),
        ("zyx", "t,z,y,x\n0,1,1,1", "axis t"),
        ("yx", "z,y,x\n0,1,1", "axis z"),
        ("tzyx", "z,y,x\n1,1,1", "no position along t"),
        ("zyx", "axis-0,axis-1,axis-2,axis-3\n2,0,1,1", "do not fit array"),
        ("tzyx", "axis-0,axis-1,axis-2\n2,1,1", "do not fit array"),
    ],
)
def test_an_axis_that_is_not_there_is_named(tmp_path, axes, table, words):
    with pytest.raises(ImageError, match=words) as caught:
        position(image_of(axes), table, tmp_path)
    assert "\n" not in str(caught.value)


def test_axes_of_length_1_drop_out(tmp_path):
    image = image_of("tzyx", t=1)
    for table in ("t,z,y,x\n0,2,1,1", "z,y,x\n2,1,1", "axis-0,axis-1,axis-2\n2,1,1"):
        assert position(image, table, tmp_path) == {"z": 2}
    assert position(image, "axis-0,axis-1,axis-2,axis-3\n0,2,1,1", tmp_path) == {"z": 2}
    with pytest.raises(ImageError, match="t=1 is out of range; array has one plane"):
        position(image, "t,z,y,x\n1,2,1,1", tmp_path)


def test_axes_of_length_1_that_are_in_the_file_alone_drop_out_too(tmp_path):
    stack = np.zeros((1, 6, 20, 30), np.uint16)
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "TZYX"})
    image = open_image(tmp_path / "a.ome.tif")
    assert image.axes == "zyx"
    for table in (
        "index,axis-0,axis-1,axis-2,axis-3\n0,0.0,2.0,10,20",
        "t,z,y,x\n0,2,10,20",
        "z,y,x\n2,10,20",
    ):
        assert position(image, table, tmp_path) == {"z": 2}
    with pytest.raises(ImageError, match="t=3"):
        position(image, "t,z,y,x\n3,2,10,20", tmp_path)
    series = open_image(tmp_path / "a.ome.tif", axes="tyx")
    with pytest.raises(ImageError, match="axis z"):
        position(series, "z,y,x\n2,10,20", tmp_path)
