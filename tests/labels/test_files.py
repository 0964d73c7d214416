"""What is written is read back, in the formats that others read."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as Pillow

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.images import open_image
from napari_hqsam.labels import read_labels, write_labels

NAMES = ["a.tif", "a.TIFF", "a.ome.tif", "a.zarr", "a.ome.zarr"]
LABELS = np.random.default_rng(0).integers(0, 300, (3, 40, 50))


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    labels=hnp.arrays(
        st.sampled_from(["u1", "i4", "u8", ">i8", "bool"]),
        hnp.array_shapes(min_dims=2, max_dims=5, max_side=5),
    ).map(np.abs),
    name=st.sampled_from(NAMES),
)
@example(labels=np.ones((1, 2, 1, 1), int), name="a.tif")
def test_labels_survive_a_round_trip(tmp_path, labels, name):
    labels = labels.astype("u8") % 2**32
    write_labels(tmp_path / name, labels)
    back = read_labels(tmp_path / name)
    kept = [n for n in labels.shape[:-2] if n > 1]
    np.testing.assert_array_equal(back, labels.reshape(*kept, *labels.shape[-2:]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("highest", "dtype"),
    [(1, "u2"), (65535, "u2"), (65536, "u4"), (2**32 - 1, "u4")],
)
def test_the_smallest_type_that_readers_agree_on(tmp_path, name, highest, dtype):
    write_labels(tmp_path / name, np.array([[0, highest]]))
    back = read_labels(tmp_path / name)
    assert back.dtype == dtype
    assert back.tolist() == [[0, highest]]


def test_tiff_is_a_compressed_hyperstack_in_strips(tmp_path):
    write_labels(tmp_path / "a.tif", LABELS)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_imagej
        assert len(tif.pages) == 3
        assert not tif.pages[0].is_tiled
        assert tif.pages[0].compression.name == "ADOBE_DEFLATE"
        assert tif.series[0].axes == "ZYX"


def test_ome_tiff_is_tiled_and_compressed(tmp_path):
    write_labels(tmp_path / "a.ome.tif", LABELS)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tif:
        assert tif.pages[0].is_tiled
        assert tif.pages[0].compression.name == "ADOBE_DEFLATE"


def test_tiff_has_its_resolution(tmp_path):
    write_labels(tmp_path / "a.tif", LABELS, scale=(2, 0.5, 0.25), units="µm")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        page = tif.pages[0]
        assert page.resolution == (4, 2)
        assert tif.imagej_metadata["unit"] == "micron"
        assert tif.imagej_metadata["spacing"] == 2


def test_tiff_of_other_axes_has_its_space_in_the_description(tmp_path):
    space = {"axes": "pyx", "scale": (2, 0.5, 0.25), "units": "µm"}
    with pytest.warns(HqsamWarning, match="no ImageJ hyperstack"):
        write_labels(tmp_path / "a.tif", LABELS, **space)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        page = tif.pages[0]
        assert page.resolution == (40000, 20000)
        assert page.resolutionunit.name == "CENTIMETER"
    description = json.loads(tifffile.tiffcomment(tmp_path / "a.tif"))
    assert description["scale"] == [2, 0.5, 0.25]


def test_ome_tiff_has_axes_and_pixel_size(tmp_path):
    write_labels(
        tmp_path / "a.ome.tif",
        LABELS,
        axes="tyx",
        scale=(3, 0.5, 0.25),
        units=("s", "um", "nm"),
    )
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tif:
        assert tif.is_ome
        assert tif.series[0].axes == "TYX"
        xml = ElementTree.fromstring(tif.ome_metadata)
    pixels = next(node for node in xml.iter() if node.tag.endswith("Pixels")).attrib
    assert pixels["SizeT"] == "3"
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == ("0.25", "nm")
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeYUnit"]) == ("0.5", "µm")
    assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == ("3.0", "s")


def test_ome_zarr_follows_the_specification(tmp_path):
    write_labels(
        tmp_path / "cells.ome.zarr", LABELS, scale=(2, 0.5, 0.25), units="microns"
    )
    group = json.loads((tmp_path / "cells.ome.zarr" / "zarr.json").read_text())
    assert (group["zarr_format"], group["node_type"]) == (3, "group")
    space = {"type": "space", "unit": "micrometer"}
    scale = {"type": "scale", "scale": [2.0, 0.5, 0.25]}
    assert group["attributes"]["ome"] == {
        "version": "0.5",
        "image-label": {"version": "0.5"},
        "multiscales": [
            {
                "name": "cells",
                "axes": [{"name": letter, **space} for letter in "zyx"],
                "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
            }
        ],
    }
    array = zarr.open(str(tmp_path / "cells.ome.zarr"), mode="r")["0"]
    assert array.metadata.dimension_names == ("z", "y", "x")
    assert array.chunks == (1, 40, 50)
    np.testing.assert_array_equal(array[...], LABELS)
    # Without a pixel size too, each level must have a scale.
    write_labels(tmp_path / "b.zarr", LABELS)
    group = json.loads((tmp_path / "b.zarr" / "zarr.json").read_text())
    level = group["attributes"]["ome"]["multiscales"][0]["datasets"][0]
    assert level["coordinateTransformations"][0]["scale"] == [1.0, 1.0, 1.0]


def test_large_planes_are_stored_in_chunks(tmp_path):
    labels = np.arange(1500)[:, None] // 300 * 10 + np.arange(2100) // 300
    write_labels(tmp_path / "a.zarr", labels)
    assert zarr.open(str(tmp_path / "a.zarr"), mode="r")["0"].chunks == (1024, 1024)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), labels)


@pytest.mark.parametrize("name", NAMES)
def test_labels_open_as_an_image_with_their_axes(tmp_path, name):
    labels = LABELS.reshape(3, 1, 40, 50)
    write_labels(tmp_path / name, labels, axes="tzyx")
    image = open_image(tmp_path / name)
    assert (image.leading_axes, image.leading_shape) == ("t", (3,))
    np.testing.assert_array_equal(image.read_plane((1,))[..., 0], LABELS[1])


@pytest.mark.parametrize(
    ("labels", "given", "message"),
    [
        (np.zeros((4, 5)), {}, "convert them to integers"),
        (np.zeros(5, int), {}, "2 dimensions or more"),
        (np.zeros((0, 5), int), {}, "2 dimensions or more"),
        (np.array([[-1, 3]]), {}, "from -1 to 3"),
        (np.array([[2**32]]), {}, "relabel"),
        (np.ones((2,) * 6, int), {}, "pass axes"),
        (LABELS, {"axes": "yx"}, "2 dimensions, the image has 3"),
        (LABELS, {"axes": "qyx"}, "do not fit OME-Zarr"),
        (LABELS, {"scale": (1, 1)}, "one number for each axis"),
        (LABELS, {"scale": (1, 1, 0)}, "holds 0"),
        (LABELS, {"scale": (1, 1, np.nan)}, "one number for each axis"),
        (LABELS, {"units": ("um", "um")}, "one for each axis"),
        (LABELS, {"units": "furlong"}, "use one of nanometer"),
        (LABELS, {"axes": "tyx", "units": ("um", "um", "um")}, "use one of millisec"),
    ],
)
def test_unfit_labels_are_refused_and_nothing_written(tmp_path, labels, given, message):
    with pytest.raises(ImageError, match=message):
        write_labels(tmp_path / "a.zarr", labels, **given)
    assert list(tmp_path.iterdir()) == []


def test_any_axes_fit_plain_tiff_but_not_ome(tmp_path):
    with pytest.warns(HqsamWarning, match="Bio-Formats"):
        write_labels(tmp_path / "a.tif", LABELS, axes="pyx")
    assert open_image(tmp_path / "a.tif").leading_axes == "p"
    with pytest.raises(ImageError, match="OME-TIFF"):
        write_labels(tmp_path / "a.ome.tif", LABELS, axes="pyx")


@pytest.mark.parametrize("unit", [None, "", "Pixels", "mm", "Micrometer", "μm", "nm"])
def test_units_as_people_write_them(tmp_path, unit):
    for name in ("a.zarr", "a.tif", "a.ome.tif"):
        write_labels(tmp_path / name, LABELS[0], scale=(1e-6, 1), units=unit)
        np.testing.assert_array_equal(read_labels(tmp_path / name), LABELS[0])


def test_other_label_files_are_read(tmp_path):
    labels = LABELS[0].astype("u2")
    Pillow.fromarray(labels).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", labels.astype(">i4"))
    for name in ("a.png", "a.npy"):
        back = read_labels(tmp_path / name)
        assert back.dtype.isnative
        np.testing.assert_array_equal(back, labels)
        back[0, 0] = 1  # a copy of one's own


def test_palette_pictures_keep_their_ids(tmp_path):
    picture = Pillow.fromarray((LABELS[0] % 4).astype("u1")).convert("P")
    picture.putpalette([0, 0, 0, 9, 9, 9, 200, 0, 0, 1, 2, 3])
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), LABELS[0] % 4)


def test_binary_masks_are_zero_and_one(tmp_path):
    np.save(tmp_path / "a.npy", LABELS[0] > 99)
    back = read_labels(tmp_path / "a.npy")
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, LABELS[0] > 99)


def test_labels_inside_an_image_are_read_by_key(tmp_path):
    group = zarr.create_group(str(tmp_path / "i.zarr"))
    group.create_array("labels/cells", shape=(4, 5), dtype="u2")[...] = 3
    assert (read_labels(tmp_path / "i.zarr", key="labels/cells") == 3).all()


def test_whole_numbers_saved_as_floats_are_ids(tmp_path):
    ids = np.array([[0, 3, 70_000, 2**24]])
    np.save(tmp_path / "a.npy", ids.astype(np.float32))
    tifffile.imwrite(tmp_path / "a.tif", ids.astype(np.float64))
    for name in ("a.npy", "a.tif"):
        labels = read_labels(tmp_path / name)
        assert labels.dtype == np.uint32
        np.testing.assert_array_equal(labels, ids)
    np.save(tmp_path / "a.npy", np.array([[-1.0, 2.0**40]]))  # as of integers
    assert read_labels(tmp_path / "a.npy").tolist() == [[-1, 2**40]]


def test_what_is_no_label_image(tmp_path):
    np.save(tmp_path / "float.npy", np.full((4, 5), 0.5))
    np.save(tmp_path / "line.npy", np.zeros(5, int))
    Pillow.fromarray(np.zeros((4, 5, 3), "u1")).save(tmp_path / "rgb.png")
    (tmp_path / "text.tif").write_text("no image")
    for name, message in {
        "float.npy": "holds 0.5; labels must be whole",
        "line.npy": "2 or more dimensions",
        "rgb.png": "colour picture",
        "text.tif": "text.tif",
        "missing.tif": "no such file",
    }.items():
        with pytest.raises(ImageError, match=message):
            read_labels(tmp_path / name)


def test_damaged_pixels_are_one_clear_line(tmp_path):
    write_labels(tmp_path / "a.zarr", LABELS)
    (tmp_path / "a.zarr" / "0" / "c" / "1" / "0" / "0").write_bytes(b"spoilt")
    with pytest.raises(ImageError, match="cannot be read") as caught:
        read_labels(tmp_path / "a.zarr")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.tif", "a.zarr", "a.npy"])
def test_labels_that_were_read_do_not_depend_on_their_file(tmp_path, name):
    labels = np.arange(12, dtype="uint16").reshape(3, 4)
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, labels)
    else:
        write_labels(path, labels)
    read = read_labels(path)
    read += 1
    np.testing.assert_array_equal(read_labels(path), labels)
