"""Pixel sizes come from where each format keeps them."""

import numpy as np
import pytest
import tifffile
import zarr

from napari_hqsam import open_image
from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.labels import write_labels

STACK = np.zeros((3, 20, 30), np.uint16)


@pytest.mark.parametrize("name", ["a.ome.tif", "a.ome.zarr"])
def test_ome_files(tmp_path, name):
    write_labels(
        tmp_path / name, STACK, axes="zyx", scale=(2, 0.5, 0.25), units="micrometer"
    )
    image = open_image(tmp_path / name)
    assert image.scale == {"z": 2, "y": 0.5, "x": 0.25}
    assert image.units == dict.fromkeys("zyx", "micrometer")


def test_imagej_hyperstack(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK,
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"},
    )
    image = open_image(tmp_path / "a.tif")
    assert image.scale == {"z": 2, "y": 0.5, "x": 0.25}
    assert image.units == dict.fromkeys("zyx", "micrometer")


def test_files_that_say_nothing(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    np.save(tmp_path / "a.npy", STACK)
    for name in ("a.tif", "a.npy"):
        image = open_image(tmp_path / name, axes="zyx")
        assert (image.scale, image.units) == ({}, {})


@pytest.mark.parametrize("size", ["0", "-1", "nan", "inf", "much"])
def test_nonsense_is_left_out(tmp_path, size):
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/'
        '2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
        'Type="uint16" SizeX="30" SizeY="20" SizeZ="3" SizeC="1" SizeT="1" '
        f'PhysicalSizeX="{size}" PhysicalSizeY="0.5"><TiffData/></Pixels></Image></OME>'
    )
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        STACK,
        description=xml,
        metadata=None,
        photometric="minisblack",
    )
    with pytest.warns(HqsamWarning, match="taken as 1"):
        image = open_image(tmp_path / "a.ome.tif", axes="zyx")
    assert image.scale == {"y": 0.5}
    assert image.units == {"y": "micrometer"}


def test_plain_tiffs_of_ours(tmp_path):
    write_labels(
        tmp_path / "a.tif", STACK, axes="zyx", scale=(2, 0.5, 0.25), units="nm"
    )
    image = open_image(tmp_path / "a.tif")
    assert image.scale == {"z": 2, "y": 0.5, "x": 0.25}
    assert image.units == dict.fromkeys("zyx", "nanometer")


def test_a_stack_that_was_taken_downwards(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK,
        imagej=True,
        resolution=(4, 4),
        metadata={"axes": "ZYX", "spacing": -2.0, "unit": "micron"},
    )
    assert open_image(tmp_path / "a.tif").scale == {"z": 2, "y": 0.25, "x": 0.25}


@pytest.mark.parametrize(
    ("dots", "unit", "size"),
    [
        (40000, "centimeter", 0.25),
        (25400, "inch", 1.0),
        (72, "inch", None),  # how to print it
        (118, "centimeter", None),
        (40000, "none", None),
    ],
)
def test_resolution_tags(tmp_path, dots, unit, size):
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK[0],
        resolution=(dots, dots),
        resolutionunit=unit,
        metadata=None,
        photometric="minisblack",
    )
    image = open_image(tmp_path / "a.tif")
    wanted = (
        {} if size is None else {"y": pytest.approx(size), "x": pytest.approx(size)}
    )
    assert image.scale == wanted
    assert image.units == dict.fromkeys(wanted, "micrometer")


def test_an_unknown_unit_is_told(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK,
        imagej=True,
        resolution=(4, 4),
        metadata={"axes": "ZYX", "spacing": 2.0, "unit": "foo"},
    )
    with pytest.warns(HqsamWarning, match="unit 'foo'"):
        image = open_image(tmp_path / "a.tif")
    assert image.scale == {"z": 2, "y": 0.25, "x": 0.25}
    assert image.units == {}


def test_the_scale_of_a_whole_ome_zarr_counts(tmp_path):
    write_labels(tmp_path / "a.ome.zarr", STACK, axes="zyx", scale=(1, 0.5, 0.5))
    group = zarr.open_group(tmp_path / "a.ome.zarr")
    ome = dict(group.attrs["ome"])
    ome["multiscales"][0]["coordinateTransformations"] = [
        {"type": "scale", "scale": [2.0, 0.5, 0.5]}
    ]
    group.attrs["ome"] = ome
    image = open_image(tmp_path / "a.ome.zarr")
    assert image.scale == {"z": 2, "y": 0.25, "x": 0.25}


def missing_half(folder):
    """Write an OME-TIFF of two files, and remove the second."""
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/'
        '2016-06" UUID="urn:uuid:1"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        'DimensionOrder="XYZCT" Type="uint16" SizeX="30" SizeY="20" SizeZ="2" '
        'SizeC="1" SizeT="1"><TiffData FirstZ="0" IFD="0" PlaneCount="1">'
        '<UUID FileName="one.ome.tif">urn:uuid:1</UUID></TiffData>'
        '<TiffData FirstZ="1" IFD="0" PlaneCount="1">'
        '<UUID FileName="two.ome.tif">urn:uuid:2</UUID></TiffData>'
        "</Pixels></Image></OME>"
    )
    tifffile.imwrite(
        folder / "one.ome.tif",
        STACK[0] + 7,
        description=xml,
        metadata=None,
        photometric="minisblack",
    )
    return folder / "one.ome.tif"


def test_planes_of_a_missing_file_are_told_not_zeroed(tmp_path):
    path = missing_half(tmp_path)
    with pytest.raises(ImageError, match=r"1 of its 2 planes are in two\.ome\.tif"):
        open_image(path)
    with pytest.warns(HqsamWarning, match="read as 0"):
        image = open_image(path, allow_missing=True)
    assert [int(np.asarray(image.array[z]).max()) for z in (0, 1)] == [7, 0]
