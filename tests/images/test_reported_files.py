"""Files of kinds that were read wrongly: axes, sizes, places and units are right."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Pillow

from napari_hqsam import open_image
from napari_hqsam.errors import HqsamWarning, ImageError

STACK = np.zeros((4, 30, 40), np.uint16)
UM = ("micrometer",) * 3


def ome_zarr(path, transforms, overall=None, axes="zyx", unit="micrometer"):
    """An OME-Zarr 0.4 image with these transformations."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    shape = [dict(zip("zyx", STACK.shape, strict=True))[a] for a in axes]
    group.create_array("0", data=np.zeros(shape, np.uint16))
    named = [{"name": a, "type": "space", "unit": unit} for a in axes]
    datasets = [{"path": "0", "coordinateTransformations": transforms}]
    entry = {"version": "0.4", "axes": named, "datasets": datasets}
    if overall:
        entry["coordinateTransformations"] = overall
    group.attrs["multiscales"] = [entry]
    return open_image(path)


def scale(*sizes):
    return {"type": "scale", "scale": sizes}


def translation(*offset):
    return {"type": "translation", "translation": offset}


def test_scale_and_translation_of_dataset_and_group_are_composed(tmp_path):
    space = ome_zarr(
        tmp_path / "a.zarr",
        [scale(1, 1, 1), translation(1, 2, 3)],
        [scale(2, 0.25, 0.25), translation(10, 0, 0)],
    ).space
    assert space.scale == (2, 0.25, 0.25)
    assert space.translation == (12, 0.5, 0.75)
    assert space.units == UM


def ome_zarr_0_6(path, transform, axes="zyx"):
    """An OME-Zarr 0.6 image of shape (4, 30, 40) with a transformation."""
    group = zarr.open_group(path, mode="w")
    group.create_array("0", data=STACK)
    named = [{"name": a, "type": "space", "unit": "micrometer"} for a in axes]
    transform = {"input": {"path": "0"}, "output": {"name": "world"}} | transform
    entry = {
        "coordinateSystems": [{"name": "world", "axes": named}],
        "datasets": [{"path": "0", "coordinateTransformations": [transform]}],
    }
    group.attrs["ome"] = {"version": "0.6", "multiscales": [entry]}
    return open_image(path)


def sequence(*transforms):
    return {"type": "sequence", "transformations": transforms}


def test_axes_that_a_transformation_exchanges(tmp_path):
    """The first axis of the array is what the world calls x."""
    reverse = {"type": "mapAxis", "mapAxis": [2, 1, 0]}
    for number, transform in enumerate(
        [
            sequence(scale(0.25, 0.5, 2), translation(1, 2, 3), reverse),
            sequence(reverse, scale(2, 0.5, 0.25), translation(3, 2, 1)),
            {
                "type": "affine",
                "affine": [[0, 0, 2, 3], [0, 0.5, 0, 2], [0.25, 0, 0, 1]],
            },
        ]
    ):
        image = ome_zarr_0_6(tmp_path / f"{number}.zarr", transform)
        assert image.axes == "xyz"
        assert image.scale == {"z": 2, "y": 0.5, "x": 0.25}
        assert image.space.translation == (1, 2, 3)
    turn = {"type": "mapAxis", "mapAxis": [1, 2, 0]}  # y, x, z of the array
    image = ome_zarr_0_6(tmp_path / "turn.zarr", sequence(scale(1, 2, 3), turn))
    assert (image.axes, image.scale) == ("xzy", {"x": 1, "z": 2, "y": 3})


def test_transformations_by_dimension_and_both_ways(tmp_path):
    part = {"input_axes": [1, 2], "output_axes": [1, 2]}
    turned = {"type": "rotation", "rotation": [[0, -1], [1, 0]]}
    first = {"input_axes": [0], "output_axes": [0], "transformation": scale(2)}
    each = {"type": "byDimension", "transformations": [part, first]}
    both = {"type": "bijection", "forward": each, "inverse": {"type": "unread"}}
    part["transformation"] = turned
    space = ome_zarr_0_6(tmp_path / "a.zarr", both).space
    assert space.affine.linear == ((2, 0, 0), (0, 0, -1), (0, 1, 0))
    assert space.axes == "zyx"


@pytest.mark.parametrize(
    ("transform", "told"),
    [
        ({"type": "mapAxis", "mapAxis": [0, 0, 1]}, "mapAxis .* is no order of 3 axes"),
        ({"type": "byDimension", "transformations": [{}]}, "lacks 'output_axes'"),
        ({"type": "displacements", "path": "field"}, "displacements .* not affine"),
    ],
)
def test_transformations_that_are_not_read_are_told(tmp_path, transform, told):
    with pytest.warns(HqsamWarning, match=told):
        assert ome_zarr_0_6(tmp_path / "a.zarr", transform).axes == "zyx"


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_an_orientation_is_told_and_not_applied(tmp_path, orientation):
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "a.tif", pixels, extratags=[tag], metadata=None)
    picture = Pillow.fromarray(pixels)
    exif = picture.getexif()
    exif[274] = orientation
    picture.save(tmp_path / "a.png", exif=exif)
    for name in ("a.tif", "a.png"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            image = open_image(tmp_path / name)
        np.testing.assert_array_equal(image.array, pixels)
        told = [str(each.message) for each in caught]
        assert [f"Orientation: {orientation}" in each for each in told] == (
            [True] if orientation > 1 else []
        )


def test_axes_in_another_order_keep_their_sizes(tmp_path):
    image = ome_zarr(tmp_path / "a.zarr", [scale(0.2, 0.3, 2)], axes="xyz")
    assert image.scale == {"x": 0.2, "y": 0.3, "z": 2}
    assert image.space.spacing("z") == pytest.approx(2 / np.sqrt(0.06))


def test_an_odd_unit_is_told_and_read_as_pixels(tmp_path):
    with pytest.warns(HqsamWarning, match="'foo' of axis"):
        space = ome_zarr(tmp_path / "a.zarr", [scale(3, 2, 1)], unit="foo").space
    assert (space.scale, space.units) == ((3, 2, 1), (None,) * 3)
    space = ome_zarr(tmp_path / "b.zarr", [scale(3, 2, 1)], unit="Micrometer").space
    assert space.units == UM


def test_each_axis_of_ome_xml_has_its_unit(tmp_path):
    sizes = {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 500.0}
    units = {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        STACK,
        metadata={"axes": "ZYX", "PhysicalSizeZUnit": "nm"} | sizes | units,
    )
    image = open_image(tmp_path / "a.ome.tif")
    assert image.space.spacing("z") == pytest.approx(5)
    assert image.units == {"z": "nanometer", "y": "micrometer", "x": "micrometer"}


def test_the_stage_position_of_ome_xml_is_the_place(tmp_path):
    places = {"PositionX": [2.0] * 4, "PositionXUnit": ["mm"] * 4}
    frame = {"PositionY": [7.0] * 4, "PositionYUnit": ["reference frame"] * 4}
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        STACK,
        metadata={"axes": "ZYX", "Plane": places | frame} | sizes,
    )
    place = open_image(tmp_path / "a.ome.tif").space.translation
    assert place == pytest.approx((0, 0, 2000))


def test_imagej_counts_the_origin_in_pixels(tmp_path):
    metadata = {"axes": "ZYX", "spacing": -2.0, "unit": "micron"}
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK,
        imagej=True,
        resolution=(4, 2),
        metadata=metadata | {"xorigin": 10, "yorigin": -4, "zorigin": 1},
    )
    space = open_image(tmp_path / "a.tif").space
    assert space.scale == (2, 0.5, 0.25)
    assert space.translation == (-2, 2, -2.5)


def test_three_slices_that_claim_to_be_colours_are_told(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[:3], photometric="rgb")
    image = open_image(tmp_path / "a.tif")
    assert image.is_rgb
    assert "read 3 slices: --axes zyx" in image.assumed
    image = open_image(tmp_path / "a.tif", axes="zyx")
    assert (image.leading_axes, image.assumed) == ("z", "")


def test_axes_that_nobody_named_are_told(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    told = "taken as zyx; to say otherwise: --axes"
    assert told in open_image(tmp_path / "a.tif").assumed
    assert "taken as yxc" in open_image(np.zeros((9, 9, 3), np.uint8)).assumed
    assert open_image(np.zeros((9, 9))).assumed == ""
    assert open_image(STACK, axes="zyx").assumed == ""


def test_the_caller_has_the_last_word(tmp_path):
    given = {"scale": (2, 0.5, 0.25), "units": "um", "translate": (0, 1, 2)}
    space = open_image(STACK, axes="zyx", **given).space
    assert (space.scale, space.translation) == ((2, 0.5, 0.25), (0, 1, 2))
    assert space.units == UM
    path = tmp_path / "a.zarr"
    ome_zarr(path, [scale(2, 0.25, 0.25), translation(1, 2, 3)])
    space = open_image(path, scale={"z": 3}).space
    assert (space.scale, space.translation) == ((3, 0.25, 0.25), (1, 2, 3))
    with pytest.raises(ImageError, match="scale names the axis t, the image has z"):
        open_image(path, scale={"t": 3})
    # Other names for the axes: what is measured stays where it is in the array.
    assert open_image(path, axes="yzx").scale == {"y": 2, "z": 0.25, "x": 0.25}


class Coordinate:
    """A coordinate of an xarray array."""

    def __init__(self, values, units=None):
        self.values, self.attrs = values, {"units": units} if units else {}

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values)


class DataArray:
    """An xarray array, as far as it is asked."""

    def __init__(self, data, dims, coords):
        self.data, self.dims, self.coords = data, dims, coords
        self.shape, self.dtype = data.shape, data.dtype

    def __getitem__(self, key):
        return self.data[key]


def test_coordinates_of_xarray_are_scale_and_translation():
    coords = {
        "z": Coordinate([10.0, 12.0, 14.0, 16.0], "um"),
        "y": Coordinate(np.arange(30)[::-1] * 0.5, "micrometer"),
    }
    image = open_image(DataArray(STACK, ("z", "y", "x"), coords))
    assert image.space.scale == (2, -0.5, 1)
    assert image.space.translation == (10, 14.5, 0)
    assert image.space.units == ("micrometer", "micrometer", None)
    names = {"channel": Coordinate(list("abcd"))}
    assert open_image(DataArray(STACK, ("channel", "y", "x"), names)).axes == "cyx"
    uneven = DataArray(STACK, ("z", "y", "x"), {"z": Coordinate([0.0, 1.0, 5.0, 6.0])})
    with pytest.warns(HqsamWarning, match="along z are not evenly spaced"):
        assert open_image(uneven).space.is_plain
