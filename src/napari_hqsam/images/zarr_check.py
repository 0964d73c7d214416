"""Whether a zarr array may be read: its data type, its codecs, the size of a chunk.

The metadata of a zarr name the codecs that decode it, and any codec that some
installed package has registered can be named: numcodecs' pickle runs whatever
program the chunks hold. So only codecs are used that are known to do nothing but
decode numbers. Whatever reads zarr arrays from files asks here first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import ImageError, shown
from napari_hqsam.images.memory import check_decoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    import zarr

_COMPRESSORS = {"blosc", "zstd", "gzip", "zlib", "bz2", "lzma", "lz4"}
_CHECKSUMS = {"crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3"}
_FILTERS = {
    *("bytes", "transpose", "sharding_indexed"),
    *("delta", "fixedscaleoffset", "quantize", "bitround", "packbits"),
    *("shuffle", "astype"),
}
_KNOWN = _COMPRESSORS | _CHECKSUMS | _FILTERS
_NUMCODECS = "numcodecs."
"""What zarr v3 puts before the names of codecs that are not its own."""


def check_array(array: zarr.Array[Any], where: str) -> None:
    """Raise unless the array holds numbers, decoded by codecs that are known.

    Only its metadata are looked at.

    Parameters
    ----------
    array : zarr.Array
        Just opened, nothing of it read.
    where : str
        What the message calls its file.

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
                f"{', '.join(sorted(_COMPRESSORS))}"
            )
        # One on top of the other they expand a byte to gigabytes.
        packed = [name for name in names if name in _COMPRESSORS]
        if len(packed) > 1:
            raise ImageError(
                f"{named} is compressed more than once ({', '.join(packed)}), which is "
                "not read: save it with one compressor"
            )
    chunk = math.prod(array.chunks) * dtype.itemsize
    check_decoded(chunk, f"a chunk of {named}")


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
        [name.removeprefix(_NUMCODECS) for name in names] for names in chains if names
    ]


def _v3_chains(codecs: Any) -> Iterator[list[str]]:  # noqa: ANN401
    """Yield the names of v3 codecs, and of those within a shard."""
    named = [c if isinstance(c, Mapping) else {"name": c} for c in codecs]
    yield [str(codec.get("name")) for codec in named]
    for codec in named:
        inner = codec.get("configuration") or {}
        for key in ("codecs", "index_codecs"):
            yield from _v3_chains(inner.get(key) or ())
