"""Check that a zarr array is safe to read: data type, codecs, size of a chunk.

The metadata of a zarr name the codecs that decode it, and any codec that some
installed package has registered can be named: numcodecs' pickle runs whatever
program the chunks hold. So only codecs are used that are known to do nothing but
decode numbers. Whatever reads zarr arrays from files asks here first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import ImageError, shown
from napari_hqsam.images.formats.zarr.bounds import COMPRESSORS, NUMCODECS, bounded
from napari_hqsam.images.memory import check_decoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    import zarr

_CHECKSUMS = {"crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3"}
_FILTERS = {
    *("bytes", "transpose", "sharding_indexed"),
    *("delta", "fixedscaleoffset", "quantize", "bitround", "packbits"),
    *("shuffle", "astype"),
}
_KNOWN = COMPRESSORS | _CHECKSUMS | _FILTERS
_MOST_IN_SHARD = 2**20
"""Chunks; each takes 16 bytes of an index that is read as a whole."""


def checked_array(array: zarr.Array[Any], where: str) -> zarr.Array[Any]:
    """Return an array if it is safe to read; raise ImageError otherwise.

    It must hold numbers, decoded by codecs that are known. Only its metadata are
    looked at. What is returned decompresses no more than a chunk takes.

    Parameters
    ----------
    array : zarr.Array
        Just opened, nothing of it read.
    where : str
        What the message calls its file.

    Returns
    -------
    zarr.Array

    Raises
    ------
    ImageError
        It may not be read.
    """
    named = f"{where}: its array {array.path}" if array.path else where
    dtype = array.dtype
    if dtype.kind not in "buifc":
        raise ImageError(
            f"{named} has data type {shown(str(dtype))}, which is not read: an image "
            "must be of bool, integers or floats"
        )
    for names in codec_names(array):
        strange = [name for name in names if name not in _KNOWN]
        if strange:
            raise ImageError(
                f"{named} is stored with the codec {shown(strange[0])}, which is not "
                "used, since a codec may run a program: save it with one of "
                f"{', '.join(sorted(COMPRESSORS))}"
            )
        # One on top of the other they expand a byte to gigabytes.
        packed = [name for name in names if name in COMPRESSORS]
        if len(packed) > 1:
            raise ImageError(
                f"{named} is compressed more than once ({', '.join(packed)}), which is "
                "not read: save it with one compressor"
            )
    chunk = math.prod(array.chunks) * dtype.itemsize
    check_decoded(chunk, f"a chunk of {named}")
    if array.shards is not None:
        shard = math.prod(array.shards)
        if any(
            outer > inner * _MOST_IN_SHARD
            for outer, inner in pairwise([shard, *_in_shards(array)])
        ):
            raise ImageError(
                f"{named} has more than {_MOST_IN_SHARD} chunks in a shard, which is "
                "not read: save it with larger chunks or smaller shards"
            )
    return bounded(array)


def codec_names(array: zarr.Array[Any]) -> list[list[str]]:
    """Return the names of the codecs of an array, of zarr v2 or v3.

    Returns
    -------
    list of list of str
        Those that are applied one after another; those within a shard apart.
    """
    metadata: Mapping[str, Any] = array.metadata.to_dict()
    v2 = [*(metadata.get("filters") or ()), metadata.get("compressor")]
    chains = [[str(codec.get("id")) for codec in v2 if codec is not None]]
    chains += _v3_chains(metadata.get("codecs") or ())
    return [
        [name.removeprefix(NUMCODECS) for name in names] for names in chains if names
    ]


def _v3_chains(codecs: Any) -> Iterator[list[str]]:  # noqa: ANN401
    """Yield the names of v3 codecs, and of those within a shard."""
    named = [c if isinstance(c, Mapping) else {"name": c} for c in codecs]
    yield [str(codec.get("name")) for codec in named]
    for codec in named:
        inner = codec.get("configuration") or {}
        for key in ("codecs", "index_codecs"):
            yield from _v3_chains(inner.get(key) or ())


def _in_shards(array: zarr.Array[Any]) -> Iterator[int]:
    """Yield the number of elements per chunk, at each level of nested shards."""
    codecs: Any = array.metadata.to_dict().get("codecs") or ()
    while shards := [c for c in codecs if c["name"] == "sharding_indexed"]:
        shard = shards[0]["configuration"]
        yield math.prod(shard["chunk_shape"])
        codecs = shard["codecs"]
