"""A zarr names its own codecs, and one of them runs programs: none of it is read."""

import json
import pickle
from contextlib import suppress

import pytest
import zarr

from napari_hqsam import open_image, read_labels
from napari_hqsam.errors import HqsamError, ImageError
from tests.helpers.hostile_files import Program


def v2_array(folder, trace, **metadata):
    """An array of one chunk, which is a pickle."""
    folder.mkdir(parents=True)
    said = {
        "zarr_format": 2,
        "shape": [64, 64],
        "chunks": [64, 64],
        "dtype": "|O",
        "fill_value": "",
        "order": "C",
        "filters": [{"id": "vlen-utf8"}],
        "compressor": {"id": "pickle", "protocol": 5},
    }
    (folder / ".zarray").write_text(json.dumps(said | metadata))
    (folder / "0.0").write_bytes(pickle.dumps(Program(trace)))
    return folder


NUMBERS = {"dtype": "<u2", "fill_value": 0, "filters": None}
NESTED = NUMBERS | {"filters": [{"id": "pickle"}], "compressor": {"id": "zlib"}}
UNKNOWN = NUMBERS | {"compressor": {"id": "json2"}}


def test_the_trap_works(tmp_path, monkeypatch):
    """Without the check a program is run: else these tests would show nothing."""
    from numcodecs import pickles

    monkeypatch.setattr(pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)
    trace = tmp_path / "program-was-run"
    folder = v2_array(tmp_path / "a.zarr", trace)
    with pytest.raises((TypeError, ValueError)):
        zarr.open(str(folder), mode="r")[...]
    assert trace.exists()


@pytest.mark.parametrize("metadata", [{}, NUMBERS, NESTED, UNKNOWN])
@pytest.mark.parametrize("where", ["", "0"])
def test_images_and_labels(tmp_path, trace, metadata, where):
    root = tmp_path / "a.zarr"
    v2_array(root / where, trace, **metadata)
    if where:
        (root / ".zgroup").write_text('{"zarr_format": 2}')
    for read in (open_image, read_labels):
        with pytest.raises(ImageError, match=r"codec|data type") as told:
            read(root)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("label", [False, True])
def test_the_reader_of_napari(tmp_path, trace, label):
    readers = pytest.importorskip("napari_hqsam.viewer.contributions.readers")
    root = tmp_path / "a.zarr"
    v2_array(root / "0", trace)
    multiscales = [{"version": "0.4", "datasets": [{"path": "0"}]}]
    (root / ".zgroup").write_text('{"zarr_format": 2}')
    said = {"multiscales": multiscales} | ({"image-label": {}} if label else {})
    (root / ".zattrs").write_text(json.dumps(said))
    for path in (root, root / "0"):
        with pytest.raises(ImageError, match="data type"):
            readers.get_reader(str(path))(str(path))


def test_a_level_of_a_pyramid_is_done_without(tmp_path, trace):
    root = tmp_path / "a.zarr"
    group = zarr.create_group(str(root), zarr_format=2)
    group.create_array("0", shape=(128, 128), chunks=(64, 64), dtype="u2")
    v2_array(root / "1", trace)
    datasets = [{"path": "0"}, {"path": "1"}]
    group.attrs["multiscales"] = [{"version": "0.4", "datasets": datasets}]
    image = open_image(root)
    assert not image.read_plane((), (0, 0, 64, 64)).any()
    assert not image.pyramid


def test_labels_to_be_written_over_are_not_read(run_command, tmp_path, trace):
    root = tmp_path / "a.zarr"
    v2_array(root / "0", trace)
    (root / ".zgroup").write_text('{"zarr_format": 2}')
    code, _, text = run_command(
        "segment", root, "-o", tmp_path / "b.tif", "--point=1,1"
    )
    assert code == 2
    assert "data type" in text
    assert len(text.splitlines()) == 1


CHAINS = {
    "twice": [
        {"name": "bytes"},
        *[{"name": "gzip", "configuration": {"level": 1}}] * 2,
    ],
    "unknown": [{"name": "numcodecs.pickle", "configuration": {}}],
    "in a shard": [
        {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [64, 64],
                "codecs": [
                    {"name": "bytes"},
                    *[
                        {
                            "name": "zstd",
                            "configuration": {"level": 1, "checksum": False},
                        }
                    ]
                    * 3,
                ],
                "index_codecs": [{"name": "bytes", "configuration": {"endian": "big"}}],
                "index_location": "end",
            },
        }
    ],
}


@pytest.mark.parametrize("chain", CHAINS)
def test_codecs_of_version_3(tmp_path, chain):
    zarr.create_array(str(tmp_path / "a"), shape=(64, 64), dtype="u1")
    path = tmp_path / "a" / "zarr.json"
    said = json.loads(path.read_text()) | {"codecs": CHAINS[chain]}
    path.write_text(json.dumps(said))
    with pytest.raises(ImageError):
        open_image(tmp_path / "a")


def test_a_chunk_of_many_gigabytes_is_not_decoded(tmp_path, monkeypatch):
    zarr.create_array(
        str(tmp_path / "a"), shape=(60_000, 60_000), chunks=(60_000, 60_000), dtype="u1"
    )
    with pytest.raises(ImageError, match=r"3\.6 GB.*set NAPARI_HQSAM_DECODE_GB to 4"):
        open_image(tmp_path / "a")
    monkeypatch.setenv("NAPARI_HQSAM_DECODE_GB", "4")
    assert open_image(tmp_path / "a").shape == (60_000, 60_000)
    monkeypatch.setenv("NAPARI_HQSAM_DECODE_GB", "much")
    with pytest.raises(ImageError, match="NAPARI_HQSAM_DECODE_GB is 'much'"):
        open_image(tmp_path / "a")


@pytest.mark.parametrize(
    "key",
    [
        "../b",
        "/etc",
        "..",
        ".",
        "",
        "a/../../b",
        "//",
        "\0",
        "0/../../../b",
        "C:/b",
        "//a/b",
    ],
)
def test_keys_do_not_lead_out_of_a_zarr(run_command, tmp_path, key):
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    group.create_array("0", shape=(8, 8), dtype="u1")
    group.create_array("1", shape=(8, 8), dtype="u1")
    zarr.create_array(str(tmp_path / "b"), shape=(8, 8), dtype="u1")
    arguments = ["-o", tmp_path / "out.tif", "--point=1,1", f"--key={key}"]
    code, _, text = run_command("segment", tmp_path / "a.zarr", *arguments)
    assert code == 2
    assert len(text.splitlines()) == 1


def test_drives_of_windows_are_not_within_a_zarr(tmp_path):
    """There a folder joined with "C:/b" is "C:/b"."""
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    group.create_array("C:/b", shape=(8, 8), dtype="u1")
    group.create_array("b", shape=(8, 8), dtype="u1")
    with pytest.raises(ImageError, match="nothing at key"):
        open_image(tmp_path / "a.zarr", key="C:/b")
    group.attrs["ome"] = {"multiscales": [{"datasets": [{"path": "C:/b"}]}]}
    with pytest.raises(ImageError):
        open_image(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    "multiscales",
    [
        [{"datasets": [{"path": "../b"}]}],
        [{"datasets": [{"path": "C:/b"}]}],
        [{"datasets": [{"path": ["0"]}]}],
        [{"datasets": [{"path": None}]}],
        [{"datasets": {}}],
        [[]],
        5,
        {"0": 1},
        "x",
        [{"datasets": [{"path": "0"}], "axes": 7}],
        [{"datasets": [{"path": "0"}], "axes": [{}]}],
        [{"datasets": [{"path": "0"}], "coordinateSystems": {}}],
        [{"datasets": [{"path": "0"}, 5, {"path": "../b"}]}],
        [{"datasets": [{"path": "0", "coordinateTransformations": [5]}]}],
        [{"datasets": [{"path": "0", "coordinateTransformations": {"type": "scale"}}]}],
    ],
    ids=repr,
)
def test_metadata_of_any_kind(tmp_path, multiscales):
    readers = pytest.importorskip("napari_hqsam.viewer.contributions.readers")
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    group.create_array("0", shape=(8, 8), dtype="u1")
    group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    zarr.create_array(str(tmp_path / "b"), shape=(8, 8), dtype="u2")
    for read in (open_image, lambda path: readers.read_zarr(str(path))):
        with suppress(HqsamError):  # anything else is a traceback
            read(tmp_path / "a.zarr")
