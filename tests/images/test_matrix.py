"""Every kind of file, order of axes, place and unit: read, and kept in labels.

The files are as other programs write them; what a kind cannot hold is not asked of it.
"""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import pytest
import tifffile
import zarr

from napari_hqsam.errors import HqsamWarning
from napari_hqsam.geometry import Affine, Space
from napari_hqsam.geometry.units import unit_symbol
from napari_hqsam.images import open_image
from napari_hqsam.labels import write_labels

AXES = ("yx", "zyx", "tyx", "tzyx", "ztyx", "czyx", "zcyx", "tczyx", "xyz", "yxc")
SIZES = {"t": 2, "z": 4, "c": 3, "y": 20, "x": 30}
SCALE = {"t": 1.5, "z": 0.7, "c": 1.0, "y": 0.1625, "x": 0.2}
STARTS = {"t": 0.0, "z": 14.0, "c": 0.0, "y": -39.0, "x": 0.4}
UNITS = {
    "one": {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"},
    "many": {"t": "millisecond", "z": "nanometer", "y": "micrometer", "x": "angstrom"},
}


def space_of(axes, units, *, moved):
    """The space that a file is to have."""
    scale, start = [SCALE[a] for a in axes], [STARTS[a] * moved for a in axes]
    named = tuple(UNITS[units].get(a) for a in axes)
    return Space(axes, named, Affine.scaling(scale, start))


def pixels(axes):
    return np.arange(np.prod([SIZES[a] for a in axes]), dtype=np.uint16).reshape(
        [SIZES[a] for a in axes]
    )


def write_ome_tiff(folder, axes, units, *, moved):
    """OME-XML: sizes in units of their own; stage positions of all planes."""
    if not axes.endswith(("yx", "yxc")):
        return None
    space = space_of(axes, units, moved=moved)
    by_axis = dict(zip(axes, space.units, strict=True))
    names = {"t": "TimeIncrement"} | {a: f"PhysicalSize{a.upper()}" for a in "zyx"}
    metadata = {"axes": axes.upper().replace("YXC", "YXS")}
    for a in set(axes) - {"c"}:
        metadata[names[a]] = SCALE[a]
        metadata[f"{names[a]}Unit"] = unit_symbol(by_axis[a])
    if moved:
        leading = [a for a in axes if a in "tzc"] if axes != "yxc" else []
        planes = [*np.ndindex(*(SIZES[a] for a in leading))]
        plane = metadata["Plane"] = {}
        for a in set(axes) & set("zyx"):
            steps = [SCALE[a] * p[leading.index(a)] if a == "z" else 0 for p in planes]
            plane[f"Position{a.upper()}"] = [STARTS[a] + step for step in steps]
            plane[f"Position{a.upper()}Unit"] = [unit_symbol(by_axis[a])] * len(planes)
    path = folder / "a.ome.tif"
    colour = {"photometric": "rgb" if axes == "yxc" else "minisblack"}
    tifffile.imwrite(path, pixels(axes), metadata=metadata, **colour)
    return path, space


def write_imagej(folder, axes, units, *, moved):
    """ImageJ: one unit for z, one for y and x; the pixel of the origin."""
    if axes not in ("yx", "zyx", "tyx", "tzyx", "zcyx") or units != "one":
        return None
    origin = {f"{a}origin": -STARTS[a] / SCALE[a] for a in "zyx" if moved}
    tifffile.imwrite(
        folder / "a.tif",
        pixels(axes),
        imagej=True,
        resolution=(1 / SCALE["x"], 1 / SCALE["y"]),
        metadata={"axes": axes.upper(), "unit": "um", "finterval": SCALE["t"]}
        | {"spacing": SCALE["z"]}
        | origin,
    )
    return folder / "a.tif", space_of(axes, units, moved=moved)


def write_ome_zarr(version, folder, axes, units, *, moved):
    """OME-Zarr; where it is not moved, with a part of the scale for the whole image."""
    space = space_of(axes, units, moved=moved)
    path = folder / "a.zarr"
    old = version == "0.4"
    group = zarr.open_group(path, mode="w", zarr_format=2 if old else 3)
    group.create_array("0", data=pixels(axes))
    kinds = {"t": "time", "c": "channel"}
    named = [
        {"name": a, "type": kinds.get(a, "space")} | ({"unit": u} if u else {})
        for a, u in zip(axes, space.units, strict=True)
    ]
    scale = {"type": "scale", "scale": list(space.scale)}
    translation = {"type": "translation", "translation": list(space.translation)}
    transforms = [scale, translation] if moved else [scale]
    entry = {"axes": named}
    if version == "0.6":
        whole = {"type": "sequence", "transformations": transforms}
        transforms = [{"input": {"path": "0"}, "output": {"name": "w"}} | whole]
        entry = {"coordinateSystems": [{"name": "w", "axes": named}]}
    elif not moved:
        entry["coordinateTransformations"] = [{**scale, "scale": [2.0] * len(axes)}]
        transforms = [{**scale, "scale": [s / 2 for s in space.scale]}]
    entry["datasets"] = [{"path": "0", "coordinateTransformations": transforms}]
    if old:
        group.attrs["multiscales"] = [entry | {"version": version}]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [entry]}
    return path, space


def write_named_zarr(folder, axes, units, *, moved):
    """Dimension names of zarr v3, and nothing else."""
    path = folder / "named.zarr"
    zarr.create_array(path, data=pixels(axes), dimension_names=tuple(axes))
    return path, Space.pixels(axes)


class DataArray:
    """An array of xarray, as far as it is asked."""

    def __init__(self, data, dims, coords):
        self.data, self.dims, self.coords = data, dims, coords
        self.shape, self.dtype = data.shape, data.dtype

    def __getitem__(self, key):
        return self.data[key]


class Coordinate:
    """A coordinate of it."""

    def __init__(self, values, unit):
        self.values, self.attrs = values, {"units": unit}

    def __array__(self, dtype=None, copy=None):
        return self.values


def make_xarray(folder, axes, units, *, moved):
    """Evenly spaced coordinates with units."""
    space = space_of(axes, units, moved=moved)
    coords = {
        a: Coordinate(start + step * np.arange(SIZES[a]), unit)
        for a, start, step, unit in zip(
            axes, space.translation, space.scale, space.units, strict=True
        )
        if a != "c"
    }
    return DataArray(pixels(axes), tuple(axes), coords), space


KINDS = {
    "OME-TIFF": write_ome_tiff,
    "ImageJ": write_imagej,
    **{
        f"OME-Zarr {v}": lambda *args, v=v, **how: write_ome_zarr(v, *args, **how)
        for v in ("0.4", "0.5", "0.6")
    },
    "zarr with names": write_named_zarr,
    "xarray": make_xarray,
}


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_kept_in_every_format(tmp_path, kind, axes):
    for number, (units, moved) in enumerate(product(UNITS, (False, True))):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        written = KINDS[kind](folder, axes, units, moved=moved)
        if written is None:
            continue
        source, space = written
        image = open_image(source)
        assert image.axes == axes
        shape = [SIZES[a] for a in axes]
        off = image.space.distance(space, shape)
        assert off < 1e-6, (units, moved, image.space, space)
        whole = (slice(None),) * len(axes)
        np.testing.assert_array_equal(np.asarray(image.array[whole]), pixels(axes))
        if not moved:
            continue
        own = f"{image.leading_axes}yx"
        place = image.space.select(own)
        labels = np.ones([SIZES[a] for a in own], np.uint16)
        for suffix in (".tif", ".ome.tif", ".ome.zarr"):
            out = folder / f"labels{suffix}"
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*has no place", HqsamWarning)
                write_labels(out, labels, space=place)
            read = open_image(out)
            assert read.axes == own
            assert read.space.distance(place, labels.shape) < 1e-6, (suffix, units)
