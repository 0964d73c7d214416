"""Sizes that makers of microscopes and scanners keep in tags of their own."""

import json

import numpy as np
import pytest

from napari_hqsam import open_image
from napari_hqsam.errors import HqsamWarning
from tests.helpers.vendor_tiffs import (
    text_tag,
    write_lsm,
    write_stk,
    write_svs,
    write_tagged,
)

PLANE = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)
STACK = np.stack([PLANE, PLANE + 1, PLANE + 2])
UM = {"y": "micrometer", "x": "micrometer"}
FEI = "[Scan]\r\nPixelWidth=5e-009\r\nPixelHeight=6e-009\r\n"
SEM = "-1\r\n6.9e-9\r\n0\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 5.582 nm\r\n"


def series(path, *, key=None):
    image = open_image(path, key=key)
    return image, image.scale, image.units


def test_zeiss_lsm(tmp_path):
    pixels = np.arange(2 * 3 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 3, 3, 20, 30)
    write_lsm(tmp_path / "a.lsm", pixels, (5e-7, 1.2e-7, 1e-7), interval=2.5)
    image, scale, units = series(tmp_path / "a.lsm")
    assert image.axes == "tzcyx"
    assert scale == {"t": 2.5, "z": 0.5, "y": 0.12, "x": 0.1}
    assert units == UM | {"z": "micrometer", "t": "second"}
    np.testing.assert_array_equal(
        image.read_plane({"t": 1, "z": 2})[..., 1], pixels[1, 2, 1]
    )
    # The thumbnails are another series, whose pixels have another size.
    assert open_image(tmp_path / "a.lsm", key="1").scale == {}


def test_an_interval_leaves_the_pixel_size_to_the_resolution_tags(tmp_path):
    pixels = np.arange(2 * 20 * 30, dtype=np.uint16).reshape(2, 1, 1, 20, 30)
    path = tmp_path / "a.lsm"
    write_lsm(path, pixels, (0, 0, 0), interval=2.5, dots_per_cm=(50000, 40000))
    image, scale, units = series(path)
    assert image.axes == "tyx"
    assert scale == pytest.approx({"t": 2.5, "y": 0.25, "x": 0.2})
    assert units == UM | {"t": "second"}
    # The maker's own size counts before them.
    write_lsm(path, pixels, (0, 1e-7, 1e-7), dots_per_cm=(50000, 40000))
    assert open_image(path).scale == {"y": 0.1, "x": 0.1}


def test_metamorph_stk_along_z(tmp_path):
    path = tmp_path / "a.stk"
    write_stk(path, STACK, size=0.1, unit="um", steps=[0.4] * 3, times=[0, 5, 10])
    image, scale, units = series(path)
    assert (image.axes, scale) == ("zyx", {"z": 0.4, "y": 0.1, "x": 0.1})
    assert units == UM | {"z": "micrometer"}


def test_metamorph_stk_along_t(tmp_path):
    path = tmp_path / "a.stk"
    write_stk(path, STACK, size=0.1, unit="µm", steps=[0] * 3, times=[0, 500, 1000])
    image, scale, units = series(path)
    assert (image.axes, scale) == ("tyx", {"t": 0.5, "y": 0.1, "x": 0.1})
    assert units == UM | {"t": "second"}
    # Frames taken when it pleased have no interval.
    write_stk(path, STACK, size=2, unit="pixel", steps=[0] * 3, times=[0, 500, 9000])
    assert series(path)[1:] == ({"y": 2, "x": 2}, {})


def test_aperio_svs(tmp_path):
    slide = np.random.default_rng(0).integers(0, 255, (600, 500, 3), np.uint8)
    write_svs(tmp_path / "a.svs", slide, 0.499)
    image, scale, units = series(tmp_path / "a.svs")
    assert (image.axes, scale, units) == ("yxc", {"y": 0.499, "x": 0.499}, UM)
    assert image.levels == (0, 2)
    assert open_image(tmp_path / "a.svs", key="3").scale == {}  # the macro image


@pytest.mark.parametrize(
    ("tag", "sizes", "unit"),
    [
        (text_tag(34682, FEI), (0.006, 0.005), "micrometer"),
        (text_tag(34118, SEM), (5.582, 5.582), "nanometer"),
        (
            text_tag(51123, json.dumps({"PixelSizeUm": 0.108, "Camera": "A"})),
            (0.108, 0.108),
            "micrometer",
        ),
        (
            text_tag(
                270,
                '<MetaData><PlaneInfo><prop id="spatial-calibration-state" type="bool" '
                'value="on"/><prop id="spatial-calibration-x" type="float" '
                'value="0.65"/><prop id="spatial-calibration-y" type="float" '
                'value="0.66"/><prop id="spatial-calibration-units" type="string" '
                'value="um"/></PlaneInfo></MetaData>',
            ),
            (0.66, 0.65),
            "micrometer",
        ),
    ],
    ids=["FEI", "Zeiss SEM", "Micro-Manager", "MetaSeries"],
)
def test_sizes_in_one_tag(tmp_path, tag, sizes, unit):
    # MetaSeries is known by its name alone.
    write_tagged(tmp_path / "a.tif", PLANE, tag, software="MetaSeries")
    image = open_image(tmp_path / "a.tif")
    assert image.scale == dict(zip("yx", sizes, strict=True))
    assert image.units == dict.fromkeys("yx", unit)


@pytest.mark.parametrize(
    "tag", [text_tag(51123, '{"PixelSizeUm": 0}'), text_tag(34682, "[Scan]\r\nA=b\r\n")]
)
def test_a_maker_that_knows_no_size_leaves_the_resolution(tmp_path, tag):
    resolution = {"resolution": (4e4, 4e4), "resolutionunit": "CENTIMETER"}
    write_tagged(tmp_path / "a.tif", PLANE, tag, **resolution)
    scale = open_image(tmp_path / "a.tif").scale
    assert scale == pytest.approx({"y": 0.25, "x": 0.25})


def test_damaged_tags_of_a_maker_do_not_keep_the_pixels(tmp_path):
    path = tmp_path / "a.svs"
    write_svs(path, np.zeros((60, 50, 3), np.uint8), 0.25)
    path.write_bytes(path.read_bytes().replace(b"MPP = 0.25", b"MPP = much"))
    with pytest.warns(HqsamWarning, match="taken as 1"):
        assert open_image(path).scale == {}
