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
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hqsam.errors import HqsamWarning
from napari_hqsam.geometry import Affine, Space
from napari_hqsam.geometry.units import unit_symbol
from napari_hqsam.images import open_image
from napari_hqsam.labels import write_labels
from tests.helpers.vendor_tiffs import write_lsm, write_stk

AXES = ("yx", "zyx", "tyx", "tzyx", "ztyx", "czyx", "zcyx", "tczyx", "xyz", "yxc")
SIZES = {"t": 2, "z": 4, "c": 3, "y": 20, "x": 30}
SCALE = {"t": 1.5, "z": 0.7, "c": 1.0, "y": 0.1625, "x": 0.2}
STARTS = {"t": 0.0, "z": 14.0, "c": 0.0, "y": -39.0, "x": 0.4}
UNITS = {
    "one": {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"},
    "many": {"t": "millisecond", "z": "nanometer", "y": "micrometer", "x": "angstrom"},
}


def space_of(axes, units, *, moved):
    """The space that a file is to have; "turned": y and x by 30 degrees."""
    scale = [SCALE[a] for a in axes]
    start = [STARTS[a] * bool(moved) for a in axes]
    named = tuple(UNITS[units].get(a) for a in axes)
    affine = Affine.scaling(scale, start)
    if moved == "turned":
        turn = np.eye(len(axes))
        at = [axes.index("y"), axes.index("x")]
        cos, sin = np.cos(np.pi / 6), np.sin(np.pi / 6)
        turn[np.ix_(at, at)] = [[cos, -sin], [sin, cos]]
        affine = Affine.of(turn @ affine.matrix, affine.offset)
    return Space(axes, named, affine)


def pixels(axes):
    return np.arange(np.prod([SIZES[a] for a in axes]), dtype=np.uint16).reshape(
        [SIZES[a] for a in axes]
    )


def write_ome_tiff(folder, axes, units, *, moved):
    """OME-XML: sizes in units of their own; stage positions of all planes."""
    if not axes.endswith(("yx", "yxc")) or moved == "turned":
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
    if moved == "turned":
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
    if moved == "turned" and version != "0.6":
        return None
    if moved == "turned":
        rows = np.column_stack([space.affine.matrix, space.affine.offset])
        transforms = [{"type": "affine", "affine": rows.tolist()}]
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


def write_lsm_file(folder, axes, units, *, moved):
    """Zeiss LSM: metres and seconds, no place."""
    if axes not in ("zyx", "tzyx", "zcyx") or units != "one" or moved:
        return None
    shape = [SIZES[a] if a in axes else 1 for a in "tzcyx"]
    size = [SCALE[a] * 1e-6 for a in "zyx"]
    path = folder / "a.lsm"
    write_lsm(path, pixels(axes).reshape(shape), size, interval=SCALE["t"])
    return path, space_of(axes, units, moved=moved)


def write_stk_file(folder, axes, units, *, moved):
    """MetaMorph STK: along z or t, pixels are squares."""
    if axes not in ("zyx", "tyx") or units != "one" or moved:
        return None
    count = SIZES[axes[0]]
    path = folder / "a.stk"
    write_stk(
        path,
        pixels(axes),
        size=SCALE["y"],
        unit="um",
        steps=[SCALE["z"] * (axes[0] == "z")] * count,
        times=[round(1000 * SCALE["t"]) * i for i in range(count)],
    )
    own = space_of(axes, units, moved=moved)
    scale = [SCALE["y"] if a == "x" else SCALE[a] for a in axes]
    return path, Space(axes, own.units, Affine.scaling(scale))


def write_xarray_zarr(version, folder, axes, units, *, moved):
    """Zarr groups of xarray: coordinates of all axes beside the image."""
    if moved == "turned":
        return None
    space = space_of(axes, units, moved=moved)
    group = zarr.open_group(folder / "x.zarr", mode="w", zarr_format=version)

    def put(name, values, names, attributes):
        how = {"dimension_names": names} if version == 3 else {}
        if version == 2:
            attributes |= {"_ARRAY_DIMENSIONS": list(names)}
        group.create_array(name, data=values, attributes=attributes, **how)

    put("img", pixels(axes), tuple(axes), {})
    for a, start, step, unit in zip(
        axes, space.translation, space.scale, space.units, strict=True
    ):
        if a != "c":
            put(a, start + step * np.arange(SIZES[a]), (a,), {"units": unit})
    return folder / "x.zarr", space


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
    if moved == "turned":
        return None
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
    "LSM": write_lsm_file,
    "STK": write_stk_file,
    **{
        f"zarr {v} of xarray": lambda *args, v=v, **how: write_xarray_zarr(
            v, *args, **how
        )
        for v in (2, 3)
    },
    "zarr with names": write_named_zarr,
    "xarray": make_xarray,
}


PLACES = (False, True, "turned")
SUFFIXES = (".tif", ".ome.tif", ".ome.zarr")


def check_kept(outs, place, sizes):
    """Write labels that lie at a place to files, and read them again."""
    labels = np.ones(sizes, np.uint16)
    for out in outs:
        with warnings.catch_warnings():
            # what the format cannot hold; see tests/labels/test_places.py
            warnings.filterwarnings("ignore", category=HqsamWarning)
            write_labels(out, labels, space=place)
        read = open_image(out)
        assert read.axes == place.axes
        assert read.space.distance(place, labels.shape) < 1e-6, (out.name, place)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_kept_in_every_format(tmp_path, kind, axes):
    for number, (units, moved) in enumerate(product(UNITS, PLACES)):
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
        own = f"{image.leading_axes}yx"
        outs = [folder / f"labels{suffix}" for suffix in SUFFIXES]
        if kind in ("OME-Zarr 0.4", "OME-Zarr 0.5"):
            outs.append(source / "labels" / "cells")
        # In turn, so that over the axes each format has each place and unit.
        at = AXES.index(axes) + number + number // len(PLACES)
        out = outs[at % len(outs)]
        check_kept([out], image.space.select(own), [SIZES[a] for a in own])


@pytest.mark.parametrize("axes", AXES)
def test_what_the_caller_says_is_kept_in_every_format(tmp_path, axes):
    np.save(tmp_path / "a.npy", pixels(axes))
    for units in UNITS:
        space = space_of(axes, units, moved=True)
        image = open_image(
            tmp_path / "a.npy",
            axes=axes,
            scale=dict(zip(axes, space.scale, strict=True)),
            units={a: u for a, u in zip(axes, space.units, strict=True) if u},
            translate=dict(zip(axes, space.translation, strict=True)),
        )
        assert image.space.distance(space, image.shape) < 1e-6
        own = f"{image.leading_axes}yx"
        outs = [tmp_path / f"labels{suffix}" for suffix in SUFFIXES]
        check_kept(outs, image.space.select(own), [SIZES[a] for a in own])


LENGTHS = ("nanometer", "micrometer", "millimeter", "angstrom", "inch", None)
TIMES = ("millisecond", "second", "minute", "hour", None)


@st.composite
def places(draw):
    """Any order of axes, among them y and x; any size, direction, start and unit."""
    more = draw(st.lists(st.sampled_from("tzc"), unique=True, max_size=3))
    axes = "".join(draw(st.permutations(["y", "x", *more])))
    sizes = st.floats(1e-3, 1e3).map(lambda size: float(f"{size:.6g}"))
    scale = [draw(sizes) * draw(st.sampled_from((1, 1, 1, -1))) for _ in axes]
    start = [draw(st.integers(-9999, 9999)) / 8 * abs(size) for size in scale]
    units = [
        None if a == "c" else draw(st.sampled_from(TIMES if a == "t" else LENGTHS))
        for a in axes
    ]
    return Space(axes, tuple(units), Affine.scaling(scale, start))


@settings(max_examples=25, deadline=None)
@given(place=places())
def test_any_place_is_kept_in_every_format(tmp_path_factory, place):
    sizes = [2 + "tzcyx".index(a) for a in place.axes]
    folder = tmp_path_factory.mktemp("any")
    check_kept([folder / f"labels{suffix}" for suffix in SUFFIXES], place, sizes)
