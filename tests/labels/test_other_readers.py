"""What others read of our files: validators, ome-zarr, bioio-ome-tiff, ImageJ.

ome-zarr and bioio clash with the versions that this package is tested with, and run in
an environment of their own, whose Python ``NAPARI_HQSAM_OTHER_PYTHON`` names
(``pip install ome-zarr==0.18 bioio bioio-ome-tiff yaozarrs``). ImageJ is Debian's
package imagej, with xvfb. What is not there is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_hqsam.geometry import Space
from napari_hqsam.labels import write_labels

OTHER_PYTHON = os.environ.get("NAPARI_HQSAM_OTHER_PYTHON")
IMAGEJ = Path("/usr/share/java/ij.jar")
needs_others = pytest.mark.skipif(
    not OTHER_PYTHON, reason="NAPARI_HQSAM_OTHER_PYTHON is not set"
)
needs_imagej = pytest.mark.skipif(
    not (IMAGEJ.is_file() and shutil.which("java") and shutil.which("xvfb-run")),
    reason="ImageJ or xvfb is not installed",
)
AXES = ["yx", "zyx", "tyx", "tzyx", "ztyx", "czyx", "zcyx", "tczyx", "xyz"]
SIZES = {"t": 2, "z": 3, "c": 2, "y": 20, "x": 30}
SCALE = {"t": 1.5, "z": 0.7, "c": 1.0, "y": 0.1625, "x": 0.2}
STARTS = {"t": 0.0, "z": 14.0, "c": 0.0, "y": -39.0, "x": 0.4}
MICROMETER = {"t": "s", "z": "um", "y": "um", "x": "um"}
MIXED = {"t": "ms", "z": "nm", "y": "um", "x": "um"}


def write(folder, suffix, dtype=np.uint16):
    """Write labels of all axes; return paths, pixels and spaces."""
    rng = np.random.default_rng(0)
    for axes, (name, units) in product(AXES, {"one": MICROMETER, "two": MIXED}.items()):
        labels = rng.integers(0, 60_000, [SIZES[a] for a in axes]).astype(dtype)
        space = Space.of(
            axes,
            scale=[SCALE[a] for a in axes],
            translate=[STARTS[a] for a in axes],
            units=[units.get(a) for a in axes],
        )
        path = folder / f"{axes}-{name}{suffix}"
        write_labels(path, labels, space=space)
        yield path, labels, space


def other_program(program, *arguments):
    """Run a program in the other environment; return the JSON that it prints."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [OTHER_PYTHON, "-W", "ignore", "-c", program, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def image_in(folder, version):
    """Make an OME-Zarr image of two levels."""
    group = zarr.create_group(
        str(folder / f"image-{version}.zarr"), zarr_format=2 if version == "0.4" else 3
    )
    datasets = []
    named = {} if version == "0.4" else {"dimension_names": tuple("zyx")}
    for level in range(2):
        name = f"{level}"
        pixels = np.zeros((3, 20 >> level, 30 >> level), "u2")
        group.create_array(name, data=pixels, **named)
        scale = [0.7, 0.1625 * 2**level, 0.2 * 2**level]
        transforms = [{"type": "scale", "scale": scale}]
        datasets.append({"path": name, "coordinateTransformations": transforms})
    axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    entry = {"name": "image", "axes": axes, "datasets": datasets}
    if version == "0.4":
        group.attrs["multiscales"] = [entry | {"version": version}]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [entry]}
    return folder / f"image-{version}.zarr"


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_they_are_valid_ome_zarr_in_their_place(tmp_path, version):
    yaozarrs = pytest.importorskip("yaozarrs")
    if version == "0.5":
        for path, _, space in write(tmp_path, ".ome.zarr"):
            yaozarrs.validate_zarr_store(str(path))
            (image,) = yaozarrs.open_group(str(path)).ome_metadata().multiscales
            told = space.select("".join(axis.name for axis in image.axes))
            scale, translation = image.datasets[0].coordinateTransformations
            np.testing.assert_allclose(scale.scale, told.scale, rtol=1e-12)
            np.testing.assert_allclose(translation.translation, told.translation)
            units = [getattr(axis, "unit", None) for axis in image.axes]
            assert units == list(told.units)
    image = image_in(tmp_path, version)
    labels = np.random.default_rng(0).integers(0, 9, (3, 20, 30))
    for name in ("cells", "nuclei"):
        write_labels(
            image / "labels" / name, labels, axes="zyx", colors={1: (255, 0, 0, 255)}
        )
    yaozarrs.validate_zarr_store(str(image))
    yaozarrs.validate_zarr_store(str(image / "labels" / "cells"))


OME_ZARR = """
import json, sys, numpy
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
found = []
for path in sys.argv[1:]:
    for node in Reader(parse_url(path))():
        if "axes" not in node.metadata:
            continue  # the list of labels
        data = [numpy.asarray(level) for level in node.data]
        found.append({
            "path": path, "axes": [axis["name"] for axis in node.metadata["axes"]],
            "units": [axis.get("unit") for axis in node.metadata["axes"]],
            "transforms": node.metadata["coordinateTransformations"][0],
            "levels": len(data), "sum": int(data[0].sum()),
            "weighted": int((data[0].ravel() * numpy.arange(data[0].size)).sum()),
        })
print(json.dumps(found))
"""


@needs_others
def test_ome_zarr_reads_them_in_their_place(tmp_path):
    written = list(write(tmp_path, ".ome.zarr"))
    found = other_program(OME_ZARR, *(path for path, _, _ in written))
    by_path = {each["path"]: each for each in found}
    for path, labels, space in written:
        read = by_path[str(path)]
        axes = "".join(read["axes"])
        order = [space.axes.index(a) for a in axes]
        stored = labels.transpose(order).astype(np.int64)
        assert read["sum"] == stored.sum()
        assert read["weighted"] == (stored.ravel() * np.arange(stored.size)).sum()
        told = space.select(axes)
        transforms = {t["type"]: t[t["type"]] for t in read["transforms"]}
        np.testing.assert_allclose(transforms["scale"], told.scale, rtol=1e-12)
        np.testing.assert_allclose(transforms["translation"], told.translation)
        assert read["units"] == list(told.units)


@needs_others
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_finds_labels_in_their_image(tmp_path, version):
    image = image_in(tmp_path, version)
    labels = np.random.default_rng(0).integers(0, 9, (3, 20, 30))
    write_labels(image / "labels" / "cells", labels, axes="zyx", scale=(0.7, 1, 1))
    found = other_program(OME_ZARR, image)
    assert [each["levels"] for each in found] == [2, 2]
    assert found[1]["sum"] == labels.sum()


BIOIO = """
import json, sys
import numpy
from bioio_ome_tiff import Reader
found = []
for path in sys.argv[1:]:
    reader = Reader(path)
    sizes = reader.physical_pixel_sizes
    found.append({"order": reader.dims.order, "shape": list(reader.data.shape),
                  "sizes": [sizes.Z, sizes.Y, sizes.X],
                  "sum": int(reader.data.sum()),
                  "corner": reader.data.reshape(-1)[:7].tolist()})
print(json.dumps(found))
"""


@needs_others
def test_bioio_reads_ome_tiff_in_its_place(tmp_path):
    written = [w for w in write(tmp_path, ".ome.tif") if "xyz" not in w[0].name]
    found = other_program(BIOIO, *(path for path, _, _ in written))
    for (path, labels, space), read in zip(written, found, strict=True):
        order = read["order"].lower()
        by_axis = dict(zip(space.axes, labels.shape, strict=True))
        assert read["shape"] == [by_axis.get(a, 1) for a in order], path
        assert read["sum"] == labels.sum()
        turned = labels.transpose([space.axes.index(a) for a in order if a in by_axis])
        assert read["corner"] == turned.reshape(-1)[:7].tolist()
        sizes = dict(zip(space.axes, space.scale, strict=True))
        for letter, size in zip("zyx", read["sizes"], strict=True):
            if letter in sizes:
                assert size == pytest.approx(sizes[letter], rel=1e-9)


MACRO = """
paths = split(getArgument(), "|");
for (i = 0; i < paths.length; i++) {
  open(paths[i]);
  getDimensions(w, h, c, z, t);
  getVoxelSize(vx, vy, vz, unit);
  x0 = 0; y0 = 0; z0 = 0;
  toScaled(x0, y0, z0);
  Stack.setPosition(c, z, t);
  values = "" + w + "|" + h + "|" + c + "|" + z + "|" + t + "|" + d2s(vx, 12) + "|"
    + d2s(vy, 12) + "|" + d2s(vz, 12) + "|" + unit + "|" + d2s(x0, 9) + "|"
    + d2s(y0, 9) + "|" + d2s(z0, 9) + "|" + d2s(Stack.getFrameInterval(), 9) + "|"
    + getPixel(w - 2, h - 3);
  print(values);
  close();
}
"""


@needs_imagej
@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_imagej_opens_hyperstacks_with_their_voxel_size(tmp_path, dtype):
    written = [w for w in write(tmp_path, ".tif", dtype) if "one" in w[0].name]
    macro = tmp_path / "macro.ijm"
    macro.write_text(MACRO)
    done = subprocess.run(
        ["xvfb-run", "-a", "java", "-cp", str(IMAGEJ), "ij.ImageJ", "-batch",
         str(macro), "|".join(str(path) for path, _, _ in written)],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.count("|") == 13]
    assert len(lines) == len(written), done.stdout + done.stderr
    for line, (_, labels, space) in zip(lines, written, strict=True):
        w, h, c, z, t, vx, vy, vz, unit, x0, y0, z0, interval, value = line.split("|")
        sizes = dict(zip(space.axes, labels.shape, strict=True))
        read = dict(zip("xyczt", map(int, (w, h, c, z, t)), strict=True))
        assert read == {a: sizes.get(a, 1) for a in read}
        assert [float(vx), float(vy)] == pytest.approx([0.2, 0.1625], rel=1e-9)
        assert unit in ("microns", "micron", "µm", "um")
        assert [float(x0), float(y0)] == pytest.approx([0.4, -39.0], abs=1e-6)
        if "z" in sizes:
            assert [float(vz), float(z0)] == pytest.approx([0.7, 14.0], abs=1e-6)
        if "t" in sizes:
            assert float(interval) == pytest.approx(1.5)
        at = {"y": sizes["y"] - 3, "x": sizes["x"] - 2}
        last = labels[tuple(at.get(a, sizes[a] - 1) for a in space.axes)]
        assert float(value) == last
