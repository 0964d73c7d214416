"""Limit the decompression of zarr chunks to their size in the metadata.

A compressor gives as many bytes as the compressed data say, and a few of them may
stand for gigabytes. So each is wrapped: where a header tells the size it is compared
before anything is decoded, else decoding stops at the limit. Data types, shapes and
which codecs may be used at all are in `check`.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import lzma
import math
import struct
import zlib
from bz2 import BZ2File
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import zarr
from numcodecs.abc import Codec as NumCodec
from numcodecs.blosc import Blosc
from numcodecs.lz4 import LZ4
from zarr.abc.codec import BytesBytesCodec

from napari_hqsam.errors import ImageError
from napari_hqsam.images.memory import decode_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer

    Decompress = Callable[[bytes, int, Mapping[str, Any]], Any]
    """Takes compressed data, a limit in bytes, the configuration; returns a buffer."""

NUMCODECS = "numcodecs."
"""What zarr v3 puts before the names of codecs that are not its own."""
_SLACK = 64
"""Bytes that checksums may take beside the chunk."""
_WIDEST = 16
"""Bytes of the widest number that a filter of zarr v2 may make of another."""
_LZMA_MEMORY = 2**28


class _TooLarge(Exception):
    """The decompressed data exceed the limit."""


def _header(layout: str, data: bytes, at: int) -> int:
    if len(data) < at + struct.calcsize(layout):
        raise ValueError("compressed data are cut short")
    return int(struct.unpack_from(layout, data, at)[0])


def _blosc(data: bytes, limit: int, _: Mapping[str, Any]) -> Any:  # noqa: ANN401
    if _header("<I", data, 4) > limit:
        raise _TooLarge
    return Blosc().decode(data)


def _lz4(data: bytes, limit: int, _: Mapping[str, Any]) -> Any:  # noqa: ANN401
    if _header("<I", data, 0) > limit:
        raise _TooLarge
    return LZ4().decode(data)


def _zstd(data: bytes, limit: int, _: Mapping[str, Any]) -> Any:  # noqa: ANN401
    # Frames need not tell their size, and there may be several.
    try:
        return imagecodecs.zstd_decode(data, out=limit)
    except imagecodecs.ZstdError as error:
        if "too small" in str(error):
            raise _TooLarge from error
        raise


def _zlib(data: bytes, limit: int, _: Mapping[str, Any]) -> bytes:
    decoder = zlib.decompressobj()
    found = decoder.decompress(data, limit + 1)
    if len(found) <= limit and not decoder.eof:
        raise ValueError("compressed data are cut short")
    return found


def _gzip(data: bytes, limit: int, _: Mapping[str, Any]) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        return file.read(limit + 1)


def _bz2(data: bytes, limit: int, _: Mapping[str, Any]) -> bytes:
    with BZ2File(io.BytesIO(data)) as file:
        return file.read(limit + 1)


def _lzma(data: bytes, limit: int, configuration: Mapping[str, Any]) -> bytes:
    layout, filters = (
        configuration.get("format", lzma.FORMAT_XZ),
        configuration.get("filters"),
    )
    if layout == lzma.FORMAT_RAW:
        sizes = [int(one.get("dict_size", 0)) for one in filters or ()]
        if max(sizes, default=0) > _LZMA_MEMORY:
            raise ValueError("its dictionary is too large")
        decoder = lzma.LZMADecompressor(layout, filters=filters)
    else:
        decoder = lzma.LZMADecompressor(layout, memlimit=_LZMA_MEMORY)
    found = decoder.decompress(data, limit + 1)
    if len(found) <= limit and not decoder.eof:
        raise ValueError("compressed data are cut short")
    return found


_DECOMPRESS: dict[str, Decompress] = {
    "blosc": _blosc,
    "bz2": _bz2,
    "gzip": _gzip,
    "lz4": _lz4,
    "lzma": _lzma,
    "zlib": _zlib,
    "zstd": _zstd,
}
COMPRESSORS = frozenset(_DECOMPRESS)
"""Names of the codecs whose size is bounded here."""


def decompress(
    name: str, data: bytes, limit: int, configuration: Mapping[str, Any]
) -> Any:  # noqa: ANN401
    """Decompress a chunk; raise ImageError if it exceeds a limit.

    Parameters
    ----------
    name : str
        One of `COMPRESSORS`.
    data : bytes
        What is compressed.
    limit : int
        How many bytes may come out.
    configuration : mapping
        Configuration of the codec.

    Returns
    -------
    bytes or numpy.ndarray

    Raises
    ------
    ImageError
        More would come out.
    Exception
        The data are damaged; each codec has its own.
    """
    try:
        found = _DECOMPRESS[name](data, limit, configuration)
        if memoryview(found).nbytes > limit:
            raise _TooLarge
    except _TooLarge:
        raise ImageError(
            f"a chunk holds more than the {limit} bytes that the metadata declare; "
            "it is damaged"
        ) from None
    return found


def bounded(array: zarr.Array[Any]) -> zarr.Array[Any]:
    """Wrap the compressors of an array, so that none exceeds the chunk size.

    Parameters
    ----------
    array : zarr.Array
        An array whose codecs `check` lets through.

    Returns
    -------
    zarr.Array
        It is read and written as before.
    """
    inner = _attribute(array, "async_array")
    metadata = inner.metadata
    if metadata.zarr_format == 2:
        limit = _size_limit(array)
        metadata = replace(
            metadata,
            compressor=_bounded_v2(metadata.compressor, limit),
            filters=[_bounded_v2(one, limit) for one in metadata.filters or ()] or None,
        )
    else:
        metadata = replace(metadata, codecs=_bounded_v3(metadata.codecs))
    return zarr.Array(
        zarr.AsyncArray(metadata, inner.store_path, _attribute(inner, "config"))
    )


def _attribute(owner: object, name: str) -> Any:  # noqa: ANN401
    """Return an attribute, which was not public in all versions of zarr."""
    return getattr(owner, name if hasattr(owner, name) else f"_{name}")


def _size_limit(array: zarr.Array[Any]) -> int:
    """Return the size limit, bytes, of a zarr v2 compressor: filters come after it."""
    elements = math.prod(array.chunks)
    size = elements * array.dtype.itemsize
    ids = [str(one.codec_id) for one in array.metadata.filters or ()]  # type: ignore[union-attr]
    if "packbits" in ids:  # its bits become bytes
        size = -(-elements // 8)
    elif {"astype", "fixedscaleoffset", "quantize"} & {*ids}:
        size = max(size, min(elements * _WIDEST, decode_limit()))
    return size + _SLACK


class _BoundedV2(NumCodec):  # type: ignore[misc]
    """A zarr v2 codec with a size limit."""

    codec_id = ""  # zarr asks the class for one

    def __init__(self, codec: NumCodec, limit: int) -> None:
        self._codec, self._limit = codec, limit
        self.codec_id = codec.codec_id

    def decode(self, buf: Any, out: Any = None) -> Any:  # noqa: ANN401
        """Decompress a chunk."""
        data = np.ascontiguousarray(buf).tobytes()
        return decompress(self.codec_id, data, self._limit, self._codec.get_config())

    def encode(self, buf: Any) -> Any:  # noqa: ANN401
        """Compress a chunk, as the codec does."""
        return self._codec.encode(buf)

    def get_config(self) -> Any:  # noqa: ANN401
        """Return the codec's configuration in the metadata."""
        return self._codec.get_config()


def _bounded_v2(codec: NumCodec | None, limit: int) -> NumCodec | None:
    if codec is None or codec.codec_id not in COMPRESSORS:
        return codec
    return _BoundedV2(codec, limit)


@dataclass(frozen=True)
class _BoundedV3(BytesBytesCodec):
    """A zarr v3 codec with a size limit."""

    codec: BytesBytesCodec
    is_fixed_size = False

    async def _decode_single(
        self, chunk_bytes: Buffer, chunk_spec: ArraySpec
    ) -> Buffer:
        named: Mapping[str, Any] = self.codec.to_dict()
        name = str(named["name"]).removeprefix(NUMCODECS)
        dtype = chunk_spec.dtype.to_native_dtype()
        limit = math.prod(chunk_spec.shape) * dtype.itemsize + _SLACK
        configuration = named.get("configuration") or {}
        data = chunk_bytes.to_bytes()
        found = await asyncio.to_thread(decompress, name, data, limit, configuration)
        return chunk_spec.prototype.buffer.from_bytes(found)

    async def _encode_single(
        self, chunk_bytes: Buffer, chunk_spec: ArraySpec
    ) -> Buffer | None:
        (found,) = await self.codec.encode([(chunk_bytes, chunk_spec)])
        return found

    def compute_encoded_size(self, size: int, chunk_spec: ArraySpec) -> int:
        return self.codec.compute_encoded_size(size, chunk_spec)

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> _BoundedV3:
        return _BoundedV3(self.codec.evolve_from_array_spec(array_spec))

    def to_dict(self) -> Any:  # noqa: ANN401
        return self.codec.to_dict()


def _bounded_v3(codecs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(map(_bounded_codec, codecs))


def _bounded_codec(codec: Any) -> Any:  # noqa: ANN401
    name = str(codec.to_dict()["name"]).removeprefix(NUMCODECS)
    if name in COMPRESSORS:
        return _BoundedV3(codec)
    if name == "sharding_indexed":
        return replace(codec, codecs=_bounded_v3(codec.codecs))
    return codec
