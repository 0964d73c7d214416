"""Pixel sizes come from where each format keeps them."""

import numpy as np
import pytest
import tifffile

from napari_hqsam import open_image
from napari_hqsam.labels import write_labels

STACK = np.zeros((3, 20, 30), np.uint16)


@pytest.mark.parametrize("name", ["a.ome.tif", "a.ome.zarr"])
def test_ome_files(tmp_path, name):
    write_labels(
        tmp_path / name, STACK, axes="zyx", scale=(2, 0.5, 0.25), units="micrometer"
    )
    image = open_image(tmp_path / name)
    assert image.scale == {"z": 2, "y": 0.5, "x": 0.25}
    assert set(image.units.values()) <= {"µm", "micrometer"}
    assert len(image.units) == 3


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
    assert image.units == {"z": "um", "y": "um", "x": "um"}


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
    image = open_image(tmp_path / "a.ome.tif", axes="zyx")
    assert image.scale == {"y": 0.5}
    assert image.units == {"y": "µm"}
