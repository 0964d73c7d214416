"""Every writer, order of axes, transformation and unit: read back in its place.

By this package all of it, by other readers what the format can hold; what it cannot
was told in one warning.
"""

from __future__ import annotations

import warnings
from itertools import product
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
import zarr

from napari_hqsam.errors import HqsamWarning
from napari_hqsam.geometry import Space
from napari_hqsam.geometry.units import convert, unit_name
from napari_hqsam.images import open_image
from napari_hqsam.labels import read_labels, write_labels

AXES = ["yx", "zyx", "tyx", "tzyx", "ztyx", "czyx", "zcyx", "tczyx", "xyz"]
SIZES = {"t": 2, "z": 3, "c": 2, "y": 20, "x": 30}
SCALE = {"t": 1.5, "z": 0.7, "c": 1.0, "y": 0.1625, "x": 0.2}
STARTS = {"t": 0.0, "z": 12.5, "c": 0.0, "y": -40.0, "x": 1 / 3}
UNITS = {
    "none": {},
    "one": {"t": "s", "z": "um", "y": "um", "x": "um"},
    "many": {"t": "ms", "z": "nm", "y": "mm", "x": "angstrom"},
}
PLAIN = {"photometric": "minisblack", "metadata": None}
PLACES = ["plain", "scale", "translation", "rotation", "backwards"]


def space_of(axes, place, units):
    """Make the space of an array."""
    if place == "plain":
        return Space.pixels(axes)
    keywords = {
        "scale": [SCALE[a] for a in axes],
        "units": [UNITS[units].get(a) for a in axes],
    }
    if place == "translation":
        keywords["translate"] = [STARTS[a] for a in axes]
    if place == "rotation":
        keywords["rotate"] = 30.0
    if place == "backwards":
        keywords["scale"] = [-SCALE[a] if a in "zx" else SCALE[a] for a in axes]
    return Space.of(axes, **keywords)


def of_tifffile(path):
    """Read axes, sizes in their units, and origin as tifffile gives them."""
    with tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        found = dict.fromkeys(series.axes.lower(), (1.0, None, 0.0))
        if tif.is_ome:
            root = ElementTree.fromstring(tif.ome_metadata)
            pixels = root.find(".//{*}Pixels")
            plane = root.find(".//{*}Plane")
            for a, name in zip("tzyx", ("TimeIncrement", *"ZYX"), strict=True):
                key = name if a == "t" else f"PhysicalSize{name}"
                if key in pixels.attrib:
                    unit = unit_name(pixels.get(f"{key}Unit", "s"), a)
                    start = (
                        0.0
                        if plane is None or a == "t"
                        else plane.get(f"Position{a.upper()}")
                    )
                    found[a] = float(pixels.get(key)), unit, float(start or 0)
        else:
            metadata, page = tif.imagej_metadata, tif.pages[0]
            if "unit" in metadata:
                x = page.tags["XResolution"].value
                y = page.tags["YResolution"].value
                sizes = {"x": x[1] / x[0], "y": y[1] / y[0]}
                sizes |= {"z": metadata.get("spacing", 1.0)}
                for a, size in sizes.items():
                    unit = unit_name(metadata.get(f"{a}unit", metadata["unit"]), a)
                    start = -float(metadata.get(f"{a}origin", 0)) * size
                    found[a] = size, unit, start
                if "finterval" in metadata:
                    unit = unit_name(metadata.get("tunit", "s"), "t")
                    found["t"] = metadata["finterval"], unit, 0.0
        return series.axes.lower(), series.asarray(), found


def of_zarr(path):
    """Read the same by the metadata of the specification alone."""
    group = zarr.open_group(str(path), mode="r")
    image = group.attrs["ome"]["multiscales"][0]
    axes = "".join(axis["name"] for axis in image["axes"])
    scale, *rest = image["datasets"][0]["coordinateTransformations"]
    starts = rest[0]["translation"] if rest else [0.0] * len(axes)
    found = {
        axis["name"]: (size, axis.get("unit"), start)
        for axis, size, start in zip(image["axes"], scale["scale"], starts, strict=True)
    }
    return axes, group["0"][...], found


def lost(message, letter, what):
    """Whether a warning tells of a loss along an axis."""
    return any(
        part.strip().endswith(f"{what} along {letter}")
        or part.strip() == f"the unit of {letter}"
        for part in message.replace("has no place for", ",").split(",")
    )


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".ome.zarr"])
@pytest.mark.parametrize("place", PLACES)
def test_labels_are_read_back_in_their_place(tmp_path, suffix, place):
    rng = np.random.default_rng(0)
    for axes, units in product(AXES, ["one"] if place == "plain" else UNITS):
        labels = rng.integers(0, 60_000, [SIZES[a] for a in axes]).astype(np.uint16)
        path = tmp_path / f"{axes}-{units}{suffix}"
        space = space_of(axes, place, units)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            write_labels(path, labels, space=space)
        messages = [str(each.message) for each in caught]
        assert len(messages) <= 1, messages
        message = "".join(messages)
        # By us: all of it.
        image = open_image(path)
        assert image.axes == axes
        np.testing.assert_array_equal(read_labels(path), labels)
        assert image.space.agrees(space, labels.shape), (axes, units)
        # By others: what was not told to be lost.
        read = of_zarr if suffix == ".ome.zarr" else of_tifffile
        stored, pixels, found = read(path)
        assert sorted(stored) == sorted(axes)
        order = [axes.index(a) for a in stored]
        np.testing.assert_array_equal(pixels, labels.transpose(order))
        assert ("rotation" in message) == (place == "rotation")
        if place == "rotation":
            continue
        for a, size, start, unit in zip(
            axes, space.scale, space.translation, space.units, strict=True
        ):
            told, own, begins = found[a]
            if a == "c":
                continue
            factor = convert(1.0, own, unit)
            if factor is None:
                assert lost(message, a, "-"), (path.name, message)
                continue
            off = abs(told * factor - size) * SIZES[a] / abs(size)
            assert off < 1e-6 or lost(message, a, "pixel"), (path.name, message)
            off = abs(begins * factor - start) / abs(size)
            assert off < 1e-6 or lost(message, a, "offset"), (path.name, message)


def test_a_note_gives_way_to_what_another_program_has_changed(tmp_path):
    path = tmp_path / "a.ome.zarr"
    labels = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    with pytest.warns(HqsamWarning, match="rotation"):
        write_labels(path, labels, axes="zyx", space=Space.of("zyx", rotate=20.0))
    group = zarr.open_group(str(path))
    ome = dict(group.attrs["ome"])
    level = ome["multiscales"][0]["datasets"][0]
    level["coordinateTransformations"] = [{"type": "scale", "scale": [5.0, 1.0, 1.0]}]
    group.attrs["ome"] = ome
    assert open_image(path).space.agrees(Space.of("zyx", scale=(5, 1, 1)))


def test_a_note_that_does_not_fit_the_pixels_counts_as_none(tmp_path):
    path = tmp_path / "a.tif"
    write_labels(path, np.ones((4, 3, 5, 6), np.uint16), axes="ztyx")
    with tifffile.TiffFile(path) as tif:
        pixels, text = tif.asarray(), tif.pages[0].description
    assert '"ztyx"' in text
    cropped = text.replace("images=12", "images=6").replace("frames=3", "frames=2")
    cropped = cropped.replace("slices=4", "slices=3")
    tifffile.imwrite(
        path,
        pixels[:2, :3],
        photometric="minisblack",
        description=cropped,
        metadata=None,
    )
    assert open_image(path).axes == "tzyx"
    for note in ("nonsense", "[]", '{"axes": 3}', '{"axes": "zt", "shape": 7}'):
        damaged = "".join(
            f"napari-hqsam={note}\n" if line.startswith("napari-hqsam") else line
            for line in cropped.splitlines(keepends=True)
        )
        tifffile.imwrite(
            path,
            pixels[:2, :3],
            photometric="minisblack",
            description=damaged,
            metadata=None,
        )
        assert open_image(path).axes == "tzyx"
