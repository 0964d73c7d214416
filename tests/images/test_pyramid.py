"""Levels of a pyramid are found in every kind of file, and only those that fit."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.images import normalization, open_image
from napari_hqsam.images.pyramid import pyramid_levels
from napari_hqsam.images.sampling import (
    COARSEST_LEVEL,
    MAX_PLANES,
    MAX_WINDOWS,
    WHOLE_PLANE_PIXELS,
    WINDOW,
)
from napari_hqsam.images.source import Reduced

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 4000, (3, 2, 130, 170), dtype=np.uint16)
STEPS = (1, 2, 4, 16)


def level(step, array=STACK):
    """A copy that tells itself from the others, besides being smaller."""
    return array[..., ::step, ::step] + np.uint16(step)


def axes_of(letters):
    kinds = {"t": "time", "c": "channel"}
    return [{"name": a, "type": kinds.get(a, "space")} for a in letters]


def write_ome(path, version="0.5", steps=STEPS, scales=None, array=STACK):
    """Write an OME-Zarr of strided copies."""
    datasets = []
    for i, step in enumerate(steps):
        factor = scales[i] if scales else step
        scale = [2.0, 1.0, 0.65 * factor, 0.65 * factor]
        transforms = [{"type": "scale", "scale": scale}]
        if version == "0.4":  # order is scale, then translation
            transforms.append({"type": "translation", "translation": [0, 0, 1, 1]})
        datasets.append({"path": str(i), "coordinateTransformations": transforms})
    multiscales = {"version": version, "axes": axes_of("zcyx"), "datasets": datasets}
    old = {"multiscales": [multiscales]}
    new = {"ome": {"version": version, "multiscales": [multiscales]}}
    group = zarr.create_group(
        str(path),
        zarr_format=2 if version == "0.4" else 3,
        attributes=old if version == "0.4" else new,
    )
    for i, step in enumerate(steps):
        data = level(step, array)
        stored = group.create_array(
            str(i), shape=data.shape, dtype=data.dtype, chunks=(1, 1, 32, 32)
        )
        stored[...] = data
    return group


def check_levels(image, steps=STEPS):
    assert image.levels == tuple(int(np.log2(step)) for step in steps)
    assert image.plane_shape == STACK.shape[-2:]
    for k, step in zip(image.levels, steps, strict=True):
        expected = np.moveaxis(level(step)[1], 0, -1)
        assert image.level_shape(k) == expected.shape[:2]
        np.testing.assert_array_equal(image.read_plane((1,), level=k), expected)
        part = image.read_plane((1,), (2, 1, 5, 9), level=k)
        np.testing.assert_array_equal(part, expected[2:5, 1:9])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_levels_of_ome_zarr(tmp_path, version):
    group = write_ome(tmp_path / "i.ome.zarr", version)
    check_levels(open_image(tmp_path / "i.ome.zarr"))
    check_levels(open_image(group))


@pytest.mark.parametrize("kind", ["subifds", "subifds-zlib", "mapped", "strips"])
def test_levels_of_ome_tiff(tmp_path, kind):
    path = tmp_path / "pyramid.ome.tif"
    options = {
        "subifds": {"tile": (32, 32)},
        "subifds-zlib": {"tile": (32, 32), "compression": "zlib"},
        "mapped": {},
        "strips": {"compression": "zlib", "rowsperstrip": 8},
    }[kind]
    with tifffile.TiffWriter(path, ome=True) as writer:
        common = {"photometric": "minisblack", "metadata": {"axes": "ZCYX"}} | options
        writer.write(level(1), subifds=len(STEPS) - 1, **common)
        for step in STEPS[1:]:
            writer.write(level(step), subfiletype=1, **common)
    image = open_image(path)
    check_levels(image)
    assert isinstance(image.array, np.memmap) == (kind == "mapped")


def test_levels_of_other_tiffs(tmp_path):
    path = tmp_path / "slide.tif"
    with tifffile.TiffWriter(path) as writer:  # levels are pages, as slides have them
        for step in (1, 2, 4):
            writer.write(
                STACK[0, 0, ::step, ::step],
                subfiletype=int(step > 1),
                tile=(32, 32),
                metadata=None,
            )
    image = open_image(path)
    assert image.levels == (0, 1, 2)
    plane = image.read_plane(level=2)[..., 0]
    np.testing.assert_array_equal(plane, STACK[0, 0, ::4, ::4])


def test_a_tiff_whose_levels_are_cut_short_is_refused(tmp_path):
    path = tmp_path / "pyramid.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(STACK[0, 0], subifds=1)
        writer.write(STACK[0, 0, ::2, ::2], subfiletype=1)
    with tifffile.TiffFile(path) as tif:
        pages = [s.keyframe for s in tif.series[0].levels]
        assert pages[1].dataoffsets[0] > pages[0].dataoffsets[0]
        end = pages[1].dataoffsets[0] + 100
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(ImageError, match=r"cut short|cannot be read"):
        open_image(path)


def test_a_file_with_levels_is_closed_with_the_image(tmp_path):
    path = tmp_path / "pyramid.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(STACK[0, 0], subifds=1, compression="zlib")
        writer.write(STACK[0, 0, ::2, ::2], subfiletype=1, compression="zlib")
    image = open_image(path)
    handle = image.array.store._store._data[0].keyframe.parent.filehandle
    coarse = image.pyramid[1]
    del image
    assert not handle.closed
    np.testing.assert_array_equal(coarse[...], STACK[0, 0, ::2, ::2])
    del coarse
    assert handle.closed


class Levels(Sequence):
    """As napari's MultiScaleData: a sequence that looks like its first array."""

    def __init__(self, arrays):
        self.arrays = arrays
        self.shape, self.dtype = arrays[0].shape, arrays[0].dtype

    def __getitem__(self, key):
        return self.arrays[key]

    def __len__(self):
        return len(self.arrays)


@pytest.mark.parametrize("kind", [list, tuple, Levels])
def test_a_sequence_from_fine_to_coarse(kind):
    check_levels(open_image(kind([level(s) for s in STEPS]), axes="zcyx"))


def test_the_data_of_a_napari_layer():
    layers = pytest.importorskip("napari.layers")
    layer = layers.Image([level(s)[0, 0] for s in STEPS], multiscale=True)
    assert open_image(layer.data).levels == (0, 1, 2, 4)


def test_a_sequence_may_hold_zarr_arrays(tmp_path):
    group = write_ome(tmp_path / "i.ome.zarr")
    check_levels(open_image([group[str(i)] for i in range(4)], axes="zcyx"))


@pytest.mark.parametrize(
    "arrays",
    [
        [],
        [np.zeros((4, 5)), np.zeros((4, 5))],  # a stack, not a pyramid
        [np.zeros((4, 5)), np.zeros((8, 10))],
        [np.zeros((4, 5)), "a.tif"],
        ["a.tif", "b.tif"],
        [[1, 2], [3, 4]],
    ],
)
def test_sequences_that_are_no_pyramid(arrays):
    with pytest.raises(ImageError, match=r"(is|are) no image"):
        open_image(arrays)


SHAPE = (2, 3, 130, 171)


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((2, 3, 65, 86), 1),
        ((2, 3, 65, 85), 1),  # each side may be rounded its own way
        ((2, 3, 33, 42), 2),
        ((2, 3, 64, 86), None),
        ((2, 3, 65, 87), None),
        ((2, 3, 130, 171), None),  # not smaller
        ((2, 3, 43, 57), None),  # 3-fold
        ((2, 3, 65, 171), None),  # along y alone
        ((2, 3, 65, 43), None),
        ((1, 3, 65, 86), None),  # along z as well
        ((2, 1, 65, 86), None),
        ((3, 65, 86), None),
        ((2, 3, 1, 1), 7),
        ((2, 3, 0, 1), None),
    ],
)
def test_only_halvings_along_y_and_x_are_levels(shape, found):
    arrays = [np.zeros(SHAPE, np.uint8), np.zeros(shape, np.uint8)]
    levels = pyramid_levels(arrays[0], "zcyx", [Reduced(arrays[1])])
    assert levels == ({} if found is None else {found: arrays[1]})


def test_copies_of_another_type_are_no_levels():
    fine = np.zeros((64, 64), ">u2")
    other, swapped = np.zeros((32, 32), "f4"), np.zeros((16, 16), "<u2")
    assert pyramid_levels(fine, "yx", [Reduced(other), Reduced(swapped)]) == {
        2: swapped
    }


@pytest.mark.parametrize(
    ("factors", "found"),
    [
        (None, 2),
        ((1.0, 4.0, 4.0), 2),
        ((1.0, 3.99, 4.02), 2),  # as some derive it from the rounded shape
        ((1.0, 8.0, 8.0), 3),  # 13 rows are an eighth as well as a quarter of 52
        ((1.0, 2.0, 4.0), None),
        ((1.0, 4.0, 8.0), None),
        ((1.0, 1.0, 1.0), None),
        ((1.0, 2.0, 2.0), None),  # contradicts the shape
    ],
)
def test_declared_factors_decide_where_shapes_leave_a_doubt(factors, found):
    shape = (13, 26) if found != 3 else (7, 13)
    copy = np.zeros((5, *shape), np.uint8)
    fine = np.zeros((5, 52, 104), np.uint8)
    levels = pyramid_levels(fine, "cyx", [Reduced(copy, factors)])
    assert list(levels) == ([] if found is None else [found])


def test_of_two_copies_for_one_level_the_first_is_taken():
    fine, first, second = (np.zeros((n, n)) for n in (64, 32, 32))
    levels = pyramid_levels(fine, "yx", [Reduced(first), Reduced(second)])
    assert levels[1] is first


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(1, 10**6), st.sampled_from("fcr"))
def test_pyramids_rounded_in_any_way_are_known(h, w, way):
    """However a writer rounds, step by step, its levels are found."""
    halve = {"f": lambda n: max(n // 2, 1), "c": lambda n: -(-n // 2), "r": round}[way]
    sides, shapes = [h, w], []
    while max(sides) > 64:
        sides = [max(1, halve(n / 2 if way == "r" else n)) for n in sides]
        shapes.append(tuple(sides))
    fine = np.broadcast_to(np.uint8(0), (h, w))
    copies = [Reduced(np.broadcast_to(np.uint8(0), s)) for s in shapes]
    levels = pyramid_levels(fine, "yx", copies)
    assert [a.shape for a in levels.values()] == shapes
    assert list(levels) == list(range(1, len(shapes) + 1))


def test_scales_of_ome_zarr_that_make_no_sense_are_not_trusted(tmp_path):
    write_ome(tmp_path / "i.zarr", steps=(1, 2), scales=(1, 2))
    text = (tmp_path / "i.zarr" / "zarr.json").read_text()
    for size, bad in itertools.product(
        ("0.65", "1.3"), ("0.0", "NaN", '"x"', "Infinity", "-1.3", "null")
    ):
        spoilt = text.replace(size, bad)
        assert spoilt != text
        (tmp_path / "i.zarr" / "zarr.json").write_text(spoilt)
        told = size == "0.65" and bad != "-1.3"
        with pytest.warns(HqsamWarning, match="left out") if told else nullcontext():
            assert open_image(tmp_path / "i.zarr").levels == (0, 1)


@pytest.mark.parametrize("damage", ["gone", "metadata", "group", "no path"])
def test_a_damaged_level_is_done_without(tmp_path, damage):
    path = tmp_path / "i.zarr"
    write_ome(path)
    if damage == "gone":
        shutil.rmtree(path / "1")
    elif damage == "metadata":
        (path / "1" / "zarr.json").write_text("{broken")
    elif damage == "group":
        shutil.rmtree(path / "1")
        zarr.create_group(str(path / "1"))
    else:
        metadata = json.loads((path / "zarr.json").read_text())
        multiscales = metadata["attributes"]["ome"]["multiscales"][0]
        del multiscales["datasets"][1]["path"]
        (path / "zarr.json").write_text(json.dumps(metadata))
    check_levels(open_image(path), steps=(1, 4, 16))


def test_a_level_that_does_not_exist_is_named():
    image = open_image([np.zeros((64, 64)), np.zeros((16, 16))])
    with pytest.raises(ImageError, match=r"level 1; choose from \(0, 2\)"):
        image.read_plane(level=1)
    with pytest.raises(ImageError, match=r"plane of shape \(16, 16\)"):
        image.read_plane((), (0, 0, 17, 16), level=2)


class Counter:
    """A huge array of the number of its level, which counts what is read of it."""

    def __init__(self, shape, number):
        self.shape, self.dtype, self.number = shape, np.dtype("u2"), number
        self.pixels = 0

    def __getitem__(self, key):
        block = np.broadcast_to(np.uint16(0), self.shape)[key].copy()
        self.pixels += block.size
        block[..., ::3] = 100 + self.number
        return block


def pyramid(side, levels, lead=()):
    return [Counter((*lead, side >> k, side >> k), k) for k in levels]


@pytest.mark.parametrize(
    ("side", "levels", "sampled"),
    [
        (2000, (0, 1, 2), 0),  # small enough to be read as it is
        (4096, (0, 1, 2, 3), 1),
        (16384, (0, 1, 2, 3, 4), 3),
        (100_000, (0, 1, 2, 3, 4, 5, 6), COARSEST_LEVEL),
        (100_000, (0, 2, 4, 6), 2),
        (100_000, (0, 6), 0),
    ],
)
def test_the_normalisation_comes_from_a_coarse_level(side, levels, sampled):
    arrays = pyramid(side, levels)
    how = normalization(open_image(arrays))
    assert (how.lows, how.highs) == ((0,), (100 + sampled,))
    assert [a.number for a in arrays if a.pixels] == [sampled]
    if (side >> sampled) ** 2 > WHOLE_PLANE_PIXELS:
        assert arrays[levels.index(sampled)].pixels == MAX_WINDOWS * WINDOW**2
    assert normalization(open_image(pyramid(side, levels))) == how


def test_the_normalisation_of_a_stack_with_levels_is_bounded():
    arrays = pyramid(50_000, range(6), lead=(200,))
    normalization(open_image(arrays, axes="zyx"))
    assert sum(a.pixels for a in arrays) <= MAX_PLANES * WHOLE_PLANE_PIXELS


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_levels_in_the_wrong_order_are_sorted(tmp_path, version):
    group = write_ome(tmp_path / "a.zarr", version)
    attributes = group.attrs.asdict()
    metadata = attributes.get("ome", attributes)
    metadata["multiscales"][0]["datasets"].reverse()
    group.attrs.update(attributes)
    image = open_image(tmp_path / "a.zarr")
    check_levels(image)
    assert image.space.scale == (2, 1, 0.65, 0.65)
    assert image.levels == (0, 1, 2, 4)
