"""OME-Zarr and plain zarr, v2 and v3: full resolution, only the chunks needed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import zarr

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.images import open_image

ARRAY = np.random.default_rng(0).integers(0, 4000, (3, 2, 64, 80), dtype=np.uint16)
AXES = [
    {"name": "z", "type": "space"},
    {"name": "c", "type": "channel"},
    {"name": "y", "type": "space"},
    {"name": "x", "type": "space"},
]


def multiscales(version, axes):
    datasets = [{"path": p} for p in ("s0", "s1")]
    return {"version": version, "axes": axes, "datasets": datasets}


VERSIONS = {
    "0.4": (2, {"multiscales": [multiscales("0.4", AXES)]}),
    "0.3": (2, {"multiscales": [multiscales("0.3", ["z", "c", "y", "x"])]}),
    "0.5": (3, {"ome": {"version": "0.5", "multiscales": [multiscales(None, AXES)]}}),
    "0.6": (
        3,
        {
            "ome": {
                "multiscales": [
                    {
                        "coordinateSystems": [{"name": "p", "axes": AXES}],
                        "datasets": [{"path": "s0"}, {"path": "s1"}],
                    }
                ]
            }
        },
    ),
}


def write_ome(path, version, array=ARRAY):
    zarr_format, attributes = VERSIONS[version]
    group = zarr.create_group(str(path), zarr_format=zarr_format, attributes=attributes)
    for name, step in (("s0", 1), ("s1", 2)):
        level = array[..., ::step, ::step]
        chunks = (1, 1, 32, 32)
        group.create_array(name, shape=level.shape, dtype=array.dtype, chunks=chunks)
        group[name][...] = level
    return group


@pytest.mark.parametrize("version", VERSIONS)
def test_ome_zarr_is_read_at_level_0_with_its_axes(tmp_path, version):
    write_ome(tmp_path / "i.ome.zarr", version)
    image = open_image(tmp_path / "i.ome.zarr")
    assert (image.axes, image.shape) == ("zcyx", ARRAY.shape)
    assert (image.name, image.leading_axes) == ("i.ome.zarr", "z")
    expected = np.moveaxis(ARRAY[2], 0, -1)
    np.testing.assert_array_equal(image.read_plane((2,)), expected)


def test_versions_without_axes_have_five_dimensions(tmp_path):
    attributes = {"multiscales": [{"version": "0.2", "datasets": [{"path": "0"}]}]}
    group = zarr.create_group(
        str(tmp_path / "i.zarr"), zarr_format=2, attributes=attributes
    )
    group.create_array("0", shape=(1, 2, 3, 8, 9), dtype="u1")
    assert open_image(tmp_path / "i.zarr").axes == "tczyx"


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "<f4", "bool"])
def test_plain_arrays(tmp_path, zarr_format, dtype):
    array = (ARRAY[0, 0] > 2000).astype(dtype)
    stored = zarr.create_array(
        str(tmp_path / "a.zarr"),
        shape=array.shape,
        dtype=array.dtype,
        zarr_format=zarr_format,
    )
    stored[...] = array
    for source in (tmp_path / "a.zarr", str(tmp_path / "a.zarr"), stored):
        image = open_image(source)
        assert image.dtype == np.dtype(dtype).newbyteorder("=")
        np.testing.assert_array_equal(image.read_plane()[..., 0], array)


def test_dimension_names_are_axes(tmp_path):
    zarr.create_array(
        str(tmp_path / "a.zarr"),
        shape=(2, 3, 8, 9),
        dtype="u1",
        dimension_names=["time", "channel", "y", "x"],
    )
    assert open_image(tmp_path / "a.zarr").axes == "tcyx"


def test_only_the_chunks_of_the_region_are_read(tmp_path):
    path = tmp_path / "i.ome.zarr"
    write_ome(path, "0.5")
    kept = path / "s0" / "c" / "1" / "0" / "1" / "2"
    for chunk in (path / "s0" / "c").rglob("*"):
        if chunk.is_file() and chunk != kept:
            chunk.write_bytes(b"spoilt")
    image = open_image(path, channels=0)
    corner = image.read_plane((1,), (32, 64, 64, 80))
    np.testing.assert_array_equal(corner[..., 0], ARRAY[1, 0, 32:, 64:])
    with pytest.raises(ImageError, match=r"i.ome.zarr: the pixels at \[1, 0, 0:64"):
        image.read_plane((1,))


def test_key_chooses_inside_a_group(tmp_path):
    group = write_ome(tmp_path / "i.ome.zarr", "0.5")
    label = group.create_array("labels/cells", shape=(64, 80), dtype="u2")
    label[...] = 7
    for source in (tmp_path / "i.ome.zarr", group):
        image = open_image(source, key="labels/cells")
        assert (image.shape, image.read_plane()[0, 0, 0]) == ((64, 80), 7)
        assert open_image(source, key="s1", axes="zcyx").plane_shape == (32, 40)
        with pytest.raises(ImageError, match="one of 'labels', 's0', 's1'"):
            open_image(source, key="nothing")


def test_a_group_of_one_array_needs_no_key(tmp_path):
    group = zarr.create_group(str(tmp_path / "g.zarr"))
    (tmp_path / "g.zarr" / "README.txt").write_text("foreign files do not matter")
    with pytest.raises(ImageError, match="empty"):
        open_image(tmp_path / "g.zarr")
    group.create_array("a", shape=(8, 9), dtype="u1")
    assert open_image(tmp_path / "g.zarr").plane_shape == (8, 9)
    group.create_array("b", shape=(8, 9), dtype="u1")
    with pytest.raises(ImageError, match=r"pass key, one of 'a', 'b'"):
        open_image(tmp_path / "g.zarr")


def test_a_converted_microscope_file_opens_at_its_first_image(tmp_path):
    path = tmp_path / "c.zarr"
    zarr.create_group(str(path), zarr_format=2, attributes={"bioformats2raw.layout": 3})
    write_ome(path / "0", "0.4")
    write_ome(path / "1", "0.4", ARRAY[:, :, :32])
    with pytest.warns(HqsamWarning, match="holds several images, of which 0 is read"):
        assert open_image(path).plane_shape == (64, 80)
    assert open_image(path, key="1").plane_shape == (32, 80)


@pytest.mark.parametrize("spoil", ["datasets", "missing", "axes", "json"])
def test_damaged_metadata(tmp_path, spoil):
    path = tmp_path / "i.ome.zarr"
    write_ome(path, "0.5")
    metadata = json.loads((path / "zarr.json").read_text())
    image = metadata["attributes"]["ome"]["multiscales"][0]
    if spoil == "datasets":
        image["datasets"] = []
    elif spoil == "missing":
        shutil.rmtree(path / "s0")
    elif spoil == "axes":
        image["axes"] = AXES[1:]
    text = "{broken" if spoil == "json" else json.dumps(metadata)
    (path / "zarr.json").write_text(text)
    with pytest.raises(ImageError, match=r"i\.ome\.zarr.* metadata ") as caught:
        open_image(path)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_zarr(tmp_path):
    with pytest.raises(ImageError, match="no zarr array or group"):
        open_image(tmp_path)


def test_an_array_has_no_key(tmp_path):
    array = zarr.create_array(str(tmp_path / "a.zarr"), shape=(8, 9), dtype="u1")
    with pytest.raises(ImageError, match="leave out key"):
        open_image(array, key="0")
