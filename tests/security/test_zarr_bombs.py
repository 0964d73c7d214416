"""Chunks that hold more than the metadata say: no more of them is decoded."""

import bz2
import gzip
import json
import lzma
import struct
import subprocess
import sys
import zlib

import numcodecs
import numpy as np
import pytest
import zarr
import zarr.codecs.numcodecs as zarr_numcodecs
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

from napari_hqsam import open_image, read_labels
from napari_hqsam.errors import ImageError
from napari_hqsam.images.formats.zarr.bounds import COMPRESSORS

SIZE = 640 * 2**20
PIECE = bytes(2**24)

LIMITED = """
import json, resource, sys
import zarr.codecs.numcodecs, napari_hqsam.images.formats.tiff.opening
import napari_hqsam.images.formats.zarr.opening, napari_hqsam.labels
from napari_hqsam.images import open_image
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, used + 2**29))
told = {}
for path in sys.argv[1:]:
    try:
        open_image(path).read_plane((), (0, 0, 64, 64))
        told[path] = "was read"
    except BaseException as error:
        told[path] = f"{type(error).__name__}: {error}"
print(json.dumps(told))
"""
"""Reads images with 512 MiB more than its modules take; bombs take more."""


def deflated():
    packer = zlib.compressobj(9)
    piece = packer.compress(PIECE) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(PIECE) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece + again * (SIZE // len(PIECE))


def zstd_without_size():
    """A frame that does not say how much it holds: runs of 128 KiB of one byte."""
    head = struct.pack("<IBB", 0xFD2FB528, 0, 0x50)
    run = (2**17 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    last = (1 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"\0"
    return head + run * (SIZE >> 17) + last


def bombs():
    whole = np.zeros(SIZE, np.uint8)
    frame = bytes(numcodecs.Zstd().encode(PIECE))
    return {
        "blosc": bytes(numcodecs.Blosc("zstd").encode(whole)),
        "bz2": bz2.compress(PIECE) * (SIZE // len(PIECE)),
        "gzip": gzip.compress(PIECE) * (SIZE // len(PIECE)),
        "lz4": bytes(numcodecs.LZ4().encode(whole)),
        "lzma": lzma.compress(bytes(SIZE), preset=0),
        "zlib": deflated(),
        "zstd": bytes(numcodecs.Zstd().encode(whole)),
        "zstd frames": frame * (SIZE // len(PIECE)),
        "zstd without size": zstd_without_size(),
    }


V2 = {
    "blosc": numcodecs.Blosc(),
    "bz2": numcodecs.BZ2(),
    "gzip": numcodecs.GZip(),
    "lz4": numcodecs.LZ4(),
    "lzma": numcodecs.LZMA(),
    "zlib": numcodecs.Zlib(),
    "zstd": numcodecs.Zstd(),
}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr"),
]


def v3_codecs():
    return {
        "blosc": [BloscCodec(), zarr_numcodecs.Blosc()],
        "bz2": [zarr_numcodecs.BZ2()],
        "gzip": [GzipCodec(), zarr_numcodecs.GZip()],
        "lz4": [zarr_numcodecs.LZ4()],
        "lzma": [zarr_numcodecs.LZMA()],
        "zlib": [zarr_numcodecs.Zlib()],
        "zstd": [ZstdCodec(), zarr_numcodecs.Zstd()],
    }


def array(path, codec, version, shards=None, data=None):
    data = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64) if data is None else data
    return zarr.create_array(
        str(path),
        data=data,
        chunks=(64, 64),
        shards=shards,
        zarr_format=version,
        compressors=codec,
    )


def every_codec():
    """Yield a name, a codec, and the version of zarr it is of."""
    for name in sorted(COMPRESSORS):
        yield name, V2[name], 2
        for codec in v3_codecs()[name]:
            yield name, codec, 3


def test_no_compressor_gives_more_than_a_chunk(tmp_path):
    made = bombs()
    assert all(len(bomb) < SIZE // 100 for bomb in made.values())
    for name, codec, version in every_codec():
        for kind, bomb in made.items():
            if kind.split()[0] == name:
                path = tmp_path / f"{kind}-{version}-{type(codec).__module__}"
                array(path, codec, version)
                chunk = path / ("0.0" if version == 2 else "c/0/0")
                assert chunk.is_file()
                chunk.write_bytes(bomb)
    paths = sorted(map(str, tmp_path.iterdir()))
    command = [sys.executable, "-W", "ignore", "-c", LIMITED, *paths]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told) == len(paths)
    assert {
        text for text in told.values() if "holds more than the" not in text
    } == set()
    assert not any("\n" in text for text in told.values())


def test_in_a_shard(tmp_path):
    """The bomb is an inner chunk: its index is at the end."""
    for name, bomb in bombs().items():
        for number, codec in enumerate(v3_codecs().get(name, ())):
            path = tmp_path / f"{name}-{number}"
            array(path, codec, 3, shards=(64, 64))
            said = json.loads((path / "zarr.json").read_text())
            del said["codecs"][0]["configuration"]["index_codecs"][1:]  # its checksum
            (path / "zarr.json").write_text(json.dumps(said))
            index = struct.pack("<QQ", 0, len(bomb))
            (path / "c/0/0").write_bytes(bomb + index)
    paths = sorted(map(str, tmp_path.iterdir()))
    command = [sys.executable, "-W", "ignore", "-c", LIMITED, *paths]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    told = json.loads(done.stdout)
    assert len(told) == len(paths)
    assert {
        text for text in told.values() if "holds more than the" not in text
    } == set()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_what_is_as_it_says_is_read(tmp_path, dtype):
    data = (np.random.default_rng(1).random((130, 100)) * 200).astype(dtype)
    for number, (_, codec, version) in enumerate(every_codec()):
        for shards in (None, (128, 128)) if version == 3 else (None,):
            path = tmp_path / f"{number}-{shards}"
            array(path, codec, version, shards, data)
            found = open_image(path).read_plane(())
            np.testing.assert_array_equal(found[..., 0], data)
            if dtype != "float32":
                np.testing.assert_array_equal(read_labels(path), data)


FILTERS = {
    "astype": [numcodecs.AsType("f8", "u2")],
    "fixed": [numcodecs.FixedScaleOffset(0, 1, "u2", "f8")],
    "delta": [numcodecs.Delta("u2")],
    "shuffle": [numcodecs.Shuffle(2)],
    "checksum": [numcodecs.CRC32()],
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_may_make_a_chunk_larger(tmp_path, name):
    data = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    zarr.create_array(
        str(tmp_path / "a"),
        data=data,
        chunks=(64, 64),
        zarr_format=2,
        filters=FILTERS[name],
        compressors=numcodecs.Zstd(),
    )
    found = open_image(tmp_path / "a").read_plane(())
    np.testing.assert_array_equal(found[..., 0], data)


def test_a_mask_of_bits(tmp_path):
    data = np.arange(64 * 64).reshape(64, 64) % 3 == 0
    zarr.create_array(
        str(tmp_path / "a"),
        data=data,
        chunks=(64, 64),
        zarr_format=2,
        filters=[numcodecs.PackBits()],
        compressors=numcodecs.Zstd(),
    )
    np.testing.assert_array_equal(read_labels(tmp_path / "a"), data)


@pytest.mark.parametrize("name", sorted(COMPRESSORS))
def test_chunks_that_are_cut_short(tmp_path, name):
    array(tmp_path / "a", V2[name], 2)
    chunk = tmp_path / "a" / "0.0"
    chunk.write_bytes(chunk.read_bytes()[:-9])
    with pytest.raises((ImageError, OSError), match="chunk") as told:
        open_image(tmp_path / "a").read_plane(())
    assert "\n" not in str(told.value)


def test_shards_of_billions_of_chunks(tmp_path):
    """Their index is read as a whole: 16 bytes for each."""
    side = 2**14
    zarr.create_array(
        str(tmp_path / "a"), shape=(side, side), chunks=(1, 1), shards=(side, side),
        dtype="u1",
    )  # fmt: skip
    with pytest.raises(ImageError, match="chunks in a shard"):
        open_image(tmp_path / "a")
    path = tmp_path / "a" / "zarr.json"
    said = json.loads(path.read_text())
    inner = said["codecs"][0]
    nested = json.loads(json.dumps(inner))
    inner["configuration"] |= {"chunk_shape": [side, side], "codecs": [nested]}
    path.write_text(json.dumps(said))
    with pytest.raises(ImageError, match="chunks in a shard"):
        open_image(tmp_path / "a")
