"""What a file holds besides what is read, or means by its numbers, is told."""

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Pillow

from napari_hqsam import open_image, read_labels
from napari_hqsam.errors import HqsamWarning, ImageError

RNG = np.random.default_rng(0)
PLANE = RNG.integers(0, 255, (20, 30)).astype(np.uint8)
COLOURS = RNG.integers(0, 255, (20, 30, 3)).astype(np.uint8)
SMALL = PLANE[::5, ::5]
UM = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}


def warned(source, **how):
    """What opening a source tells, in one text."""
    with pytest.warns(HqsamWarning) as caught:
        open_image(source, **how)
    return "\n".join(str(each.message) for each in caught)


@pytest.mark.parametrize(("mode", "name"), [("CMYK", "CMYK"), ("LAB", r"L*a*b*")])
def test_colours_that_are_not_rgb(tmp_path, mode, name):
    picture = Pillow.fromarray(COLOURS)
    if mode == "CMYK":
        picture = picture.convert("CMYK")
    else:
        picture = Pillow.merge("LAB", picture.split())
    picture.save(tmp_path / "a.tif")
    assert f"stores colours as {name}" in warned(tmp_path / "a.tif")


def test_jpeg_becomes_rgb_without_a_word(tmp_path):
    Pillow.fromarray(COLOURS).save(tmp_path / "a.tif", compression="jpeg")
    assert open_image(tmp_path / "a.tif").is_rgb  # warnings are errors here


def test_white_as_zero(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PLANE, photometric="miniswhite")
    assert "white as 0" in warned(tmp_path / "a.tif")
    # To ImageJ that is how a mask is shown, and changes no number.
    tifffile.imwrite(
        tmp_path / "b.tif",
        PLANE,
        photometric="miniswhite",
        description="ImageJ=1.52p\nimages=1\n",
        metadata=None,
    )
    open_image(tmp_path / "b.tif")


def test_pixels_without_data(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        PLANE,
        photometric="minisblack",
        extratags=[(42113, 2, 6, "-9999", True)],
    )
    assert "without data by '-9999'" in warned(tmp_path / "a.tif")


def write_series(path, *shapes):
    with tifffile.TiffWriter(path, ome=True) as tif:
        for shape in shapes:
            pixels = np.zeros(shape, np.uint8)
            tif.write(pixels, metadata={"axes": "YX", **UM}, photometric="minisblack")


def test_further_images_of_a_tiff(tmp_path):
    path = tmp_path / "a.ome.tif"
    write_series(path, (40, 50), (40, 60), (20, 30))
    assert "holds 3 images, of which 0 (40 x 50 pixels) is read" in warned(path)
    assert open_image(path, key="1").shape == (40, 60)  # asked for: nothing to tell
    # A thumbnail is no image of its own; an overview before the slide is one.
    write_series(path, (400, 500), (40, 50))
    open_image(path)
    write_series(path, (40, 50), (400, 500))
    assert "1 has 400 x 500" in warned(path)


def test_further_images_of_a_zarr(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("0", data=PLANE)
    group.create_array("1", data=COLOURS[..., 0])
    axes = [{"name": a, "type": "space"} for a in "yx"]
    scale = {"type": "scale", "scale": [1, 1]}
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [
            {
                "name": path,
                "axes": axes,
                "datasets": [{"path": path, "coordinateTransformations": [scale]}],
            }
            for path in "01"
        ],
    }
    text = warned(tmp_path / "a.zarr")
    assert "describes 2 multiscale images, of which the first ('0') is read" in text


@pytest.mark.parametrize(
    ("dtype", "highest"), [(np.float16, 2**11), (np.float32, 2**24)]
)
def test_ids_that_floats_cannot_tell_apart(tmp_path, dtype, highest):
    labels = np.zeros((20, 30), dtype)
    labels[0, 0] = highest
    np.save(tmp_path / "a.npy", labels)
    assert read_labels(tmp_path / "a.npy").max() == highest
    labels[0, 1] = highest + 4  # beyond, ids were rounded when they were saved
    np.save(tmp_path / "a.npy", labels)
    with pytest.raises(ImageError, match=rf"above {highest}, .*{dtype.__name__}"):
        read_labels(tmp_path / "a.npy")
