"""Zarr groups as xarray writes them: named dimensions, coordinates, packed values."""

import numpy as np
import pytest
import zarr

from napari_hqsam import open_image
from napari_hqsam.errors import HqsamWarning, ImageError

STACK = np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, 20, 30)
SPACED = {
    "time": (np.array([0, 10, 20]), "seconds since 2020-01-01 00:00:00"),
    "y": (5 + 0.25 * np.arange(20), "um"),
    "x": (0.25 * np.arange(30), "um"),
}


def write(path, dims, coords, *, version, arrays=("img",), pixels=STACK, **attributes):
    """Write arrays and their coordinates into one group."""
    group = zarr.open_group(path, mode="w", zarr_format=version)

    def put(name, values, names, attributes):
        how = {"dimension_names": names} if version == 3 else {}
        if version == 2:
            attributes = attributes | {"_ARRAY_DIMENSIONS": list(names)}
        group.create_array(name, data=values, attributes=attributes, **how)

    for name in arrays:
        put(name, pixels, dims, attributes)
    for name, (values, unit) in coords.items():
        put(name, np.asarray(values), (name,), {"units": unit} if unit else {})
    return path


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("inside", ["", "img", "key"])
def test_coordinates_are_scale_and_translation(tmp_path, version, inside):
    path = write(tmp_path / "a.zarr", ("time", "y", "x"), SPACED, version=version)
    if inside == "key":
        image = open_image(path, key="img")
    else:
        image = open_image(path / inside)
    assert (image.axes, image.space.scale) == ("tyx", (10, 0.25, 0.25))
    assert image.space.units == ("second", "micrometer", "micrometer")
    assert image.space.translation == (0, 5, 0)
    np.testing.assert_array_equal(image.read_plane(2)[..., 0], STACK[2])


def test_packed_coordinates_are_unpacked(tmp_path):
    path = write(tmp_path / "a.zarr", ("z", "y", "x"), {}, version=3)
    group = zarr.open_group(path, mode="r+")
    packing = {"scale_factor": 0.5, "add_offset": 7, "units": "um"}
    for name, values, attributes in (
        ("z", np.arange(3, dtype=np.int16), packing),
        ("y", np.arange(20), {"scale_factor": "half", "units": "um"}),
    ):
        group.create_array(
            name, data=values, dimension_names=(name,), attributes=attributes
        )
    with pytest.warns(HqsamWarning, match="along y are packed by 'half'"):
        image = open_image(path)
    assert image.space.scale == (0.5, 1, 1)
    assert image.space.translation == (7, 0, 0)
    assert image.space.units == ("micrometer", None, None)


def test_one_coordinate_tells_no_spacing(tmp_path):
    coords = {"z": ([40.0], "um"), "y": SPACED["y"]}
    path = write(
        tmp_path / "a.zarr", ("z", "y", "x"), coords, version=3, pixels=STACK[:1]
    )
    image = open_image(path)
    assert image.space.scale == (1, 0.25, 1)
    assert image.space.units == (None, "micrometer", None)
    assert image.space.translation == (0, 5, 0)


def test_coordinates_of_maps(tmp_path):
    coords = {
        "lat": (np.linspace(60, 50.5, 20), "degrees_north"),
        "lon": (np.arange(30.0), "degrees_east"),
    }
    path = write(tmp_path / "a.zarr", ("time", "lat", "lon"), coords, version=3)
    with pytest.warns(HqsamWarning, match="degrees_"):
        image = open_image(path)
    assert (image.axes, image.space.scale) == ("tyx", (1, -0.5, 1))
    assert image.space.translation == (0, 60, 0)


def test_what_is_no_coordinate(tmp_path):
    coords = {
        "time": ([0, 1, 7], "s"),
        "y": (np.zeros(19), "um"),  # of another length
        "x": (np.zeros(30, np.complex64), None),
    }
    path = write(tmp_path / "a.zarr", ("time", "y", "x"), coords, version=3)
    with pytest.warns(HqsamWarning, match="along t are not evenly spaced"):
        image = open_image(path)
    assert image.space.is_plain


def test_several_images_are_not_chosen_from(tmp_path):
    path = write(
        tmp_path / "a.zarr",
        ("time", "y", "x"),
        SPACED,
        version=3,
        arrays=("img", "other"),
    )
    with pytest.raises(ImageError, match=r"pass key, one of 'img', 'other'"):
        open_image(path)
    # An array that another names as its coordinate is none.
    group = zarr.open_group(path)
    group["img"].attrs["coordinates"] = "other"
    assert open_image(path).space.scale == (10, 0.25, 0.25)


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        (
            {"scale_factor": 0.1, "add_offset": 5},
            "packed .scale_factor 0.1, add_offset",
        ),
        ({"_FillValue": "8NgAAA=="}, "stands for missing data"),
        ({"missing_value": 7}, "stands for missing data"),
    ],
)
def test_packed_and_missing_values_are_told(tmp_path, attributes, told):
    path = write(tmp_path / "a.zarr", ("time", "y", "x"), {}, version=3, **attributes)
    with pytest.warns(HqsamWarning, match=told):
        open_image(path)


class Dates:
    """A coordinate of xarray in memory."""

    attrs: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values


@pytest.mark.parametrize(
    "dates",
    [
        np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "M8[ns]"),
        np.array([0, 1, 2], "m8[D]"),
    ],
)
def test_dates_are_seconds(dates):
    class Stack:
        dims, coords, shape, dtype = (
            ("time", "y", "x"),
            {"time": Dates(dates)},
            STACK.shape,
            STACK.dtype,
        )

        def __getitem__(self, key):
            return STACK[key]

    space = open_image(Stack()).space
    assert (space.scale[0], space.units[0]) == (86400, "second")
    assert space.translation[0] == 0


@pytest.mark.parametrize(
    ("named", "letters"),
    [
        ([("wavelength", "channel"), ("y", "space"), ("x", "space")], "cyx"),
        ([("frame", "time"), ("y", "space"), ("x", "space")], "tyx"),
        ([("phase", "time"), ("height", "space"), ("width", "space")], "tyx"),
        # Two of one type, or the letter beside: names remain names.
        ([("c", "space"), ("y", "space"), ("x", "channel")], "cyx"),
        ([("angle", "other"), ("y", "space"), ("x", "space")], "ayx"),
    ],
)
def test_the_type_of_an_axis_of_ome_zarr_tells_its_letter(tmp_path, named, letters):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("0", data=STACK)
    scale = {"type": "scale", "scale": [1, 0.5, 0.5]}
    entry = {
        "axes": [{"name": name, "type": kind} for name, kind in named],
        "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
    }
    group.attrs["ome"] = {"version": "0.5", "multiscales": [entry]}
    assert open_image(tmp_path / "a.zarr").axes == letters
