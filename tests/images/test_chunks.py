"""Zarr folders with chunks lost or damaged: a hint, or a clear error."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zarr

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.images import Normalization, open_image, open_source, read_rgb8

PLANE = np.random.default_rng(0).integers(1, 4000, (100, 130), dtype=np.uint16)
HOW = Normalization((0.0,), (4000.0,), (0, 0, 0))
LAYOUTS = {
    "v3": {"zarr_format": 3},
    "v2": {"zarr_format": 2},
    "v2 nested": {
        "zarr_format": 2,
        "chunk_key_encoding": {"name": "v2", "separator": "/"},
    },
    "shards": {"zarr_format": 3, "chunks": (16, 16), "shards": (32, 32)},
}


def write(path, layout="v3", array=PLANE):
    options = {"chunks": (32, 32)} | LAYOUTS[layout]
    stored = zarr.create_array(
        str(path), shape=array.shape, dtype=array.dtype, **options
    )
    stored[...] = array
    return stored


def chunk(path, row, col):
    """The file of a chunk (or shard)."""
    places = (f"c/{row}/{col}", f"{row}.{col}", f"{row}/{col}")
    return next(path / place for place in places if (path / place).is_file())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_missing_chunks_are_told_once(tmp_path, layout):
    path = tmp_path / "i.zarr"
    write(path, layout)
    for place in ((1, 1), (1, 2), (3, 4)):
        chunk(path, *place).unlink()
    image = open_image(path)
    image.read_plane((), (0, 0, 32, 130))
    image.read_plane((), (32, 0, 100, 32))
    with pytest.warns(HqsamWarning, match=r"i.zarr: 3 of the 20 chunks are") as caught:
        plane = image.read_plane((), (0, 0, 96, 96))
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert (plane[32:64, 32:96] == 0).all()
    np.testing.assert_array_equal(plane[:32, :, 0], PLANE[:32, :96])
    image.read_plane()  # no second warning


def test_labels_leave_out_background(tmp_path):
    path = tmp_path / "labels.zarr"
    group = zarr.create_group(str(path))
    write(path / "0").attrs["unread"] = 0
    axes = [{"name": name, "type": "space"} for name in "yx"]
    entry = {"axes": axes, "datasets": [{"path": "0"}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [entry], "image-label": {}}
    chunk(path / "0", 1, 1).unlink()
    assert (open_image(path).array[32:64, 32:64] == 0).all()
    chunk(path / "0", 2, 2).write_bytes(b"")  # what is damaged is told all the same
    with pytest.raises(OSError, match="is an empty file"):
        open_image(path).array[64:80, 64:80]


def test_a_region_without_any_chunk_is_told_if_there_are_chunks_elsewhere(tmp_path):
    path = tmp_path / "i.zarr"
    write(path)
    chunk(path, 1, 1).unlink()
    with pytest.warns(HqsamWarning, match="1 of the 20 chunks"):
        open_image(path).read_plane((), (40, 40, 50, 50))


def test_an_array_without_any_chunk_is_empty_and_not_damaged(tmp_path):
    stored = zarr.create_array(
        str(tmp_path / "i.zarr"), shape=(90, 80), dtype="u1", chunks=(32, 32)
    )
    assert (open_image(tmp_path / "i.zarr").read_plane() == 0).all()
    assert (open_image(stored).read_plane() == 0).all()


def test_an_ome_zarr_tells_of_one_level_and_names_it(tmp_path):
    datasets = [{"path": "s0"}, {"path": "s1"}]
    attributes = {"ome": {"multiscales": [{"axes": ["y", "x"], "datasets": datasets}]}}
    zarr.create_group(str(tmp_path / "i.zarr"), attributes=attributes)
    for name, step in (("s0", 1), ("s1", 2)):
        write(tmp_path / "i.zarr" / name, array=PLANE[::step, ::step])
        chunk(tmp_path / "i.zarr" / name, 0, 1).unlink()
    image = open_image(tmp_path / "i.zarr")
    with pytest.warns(HqsamWarning, match="1 of the 6 chunks of its array s1"):
        read_rgb8(image, HOW, (), (0, 0, 100, 130), 1)
    read_rgb8(image, HOW, (), (0, 0, 100, 130), 0)  # once per image


def test_threads_tell_of_it_once(tmp_path):
    write(tmp_path / "i.zarr")
    chunk(tmp_path / "i.zarr", 0, 0).unlink()
    image = open_image(tmp_path / "i.zarr")
    with pytest.warns(HqsamWarning) as caught, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: image.read_plane(), range(32)))
    assert len(caught) == 1


def test_whole_arrays_and_those_in_memory_are_left_alone(tmp_path):
    write(tmp_path / "i.zarr")
    in_memory = zarr.create_array({}, shape=(90, 80), dtype="u1", chunks=(32, 32))
    in_memory[:5, :5] = 1
    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(
            open_image(tmp_path / "i.zarr").read_plane()[..., 0], PLANE
        )
        assert open_image(in_memory).read_plane().sum() == 25


def test_labels_may_leave_out_chunks(tmp_path):
    # Of a label image most chunks are empty, and left out by nearly every writer.
    stored = zarr.create_array(
        str(tmp_path / "l.zarr"), shape=(90, 80), dtype="u2", chunks=(32, 32)
    )
    stored[0, 0] = 1
    assert open_source(tmp_path / "l.zarr").array[...].sum() == 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("keep", [0, 1, 0.5, 0.99])
def test_a_truncated_chunk_is_an_error_and_the_others_read_on(tmp_path, layout, keep):
    path = tmp_path / "i.zarr"
    write(path, layout)
    file = chunk(path, 1, 1)
    whole = file.read_bytes()
    file.write_bytes(whole[: keep if keep in (0, 1) else int(keep * len(whole))])
    image = open_image(path)
    corner = image.read_plane((), (0, 0, 100, 32))
    np.testing.assert_array_equal(corner[..., 0], PLANE[:, :32])
    name = file.relative_to(path).as_posix()
    for level in (-1, 0, 1, 6):
        with pytest.raises(ImageError) as caught:
            read_rgb8(image, HOW, (), (0, 0, 64, 64), level)
        told = str(caught.value)
        assert told.startswith("i.zarr: the pixels at [")
        assert f"its chunk {name}" in told
        assert told.endswith("copy it again")
        assert "\n" not in told
