"""Run-length encoding of masks and label crops, compressed, as text.

An object has a few runs of equal pixels per row, so the text is short, and the pixels
of each id are counted without decoding.

A text may come from an untrusted file. Its number of pixels is known before it is read;
a text that does not fit it, or has more than `MAX_RUNS` runs, is refused before it
takes memory.
"""

from __future__ import annotations

import base64
import hashlib
import math
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

_NUMBER = np.dtype("<i8")
MAX_RUNS = 2**24
"""Most runs that are written or read (256 MiB); an object has a few per row."""


def encode_runs(array: NDArray[Any]) -> str:
    """Encode integers as text.

    Parameters
    ----------
    array : ndarray
        bool or integers of any shape, which is not written.

    Returns
    -------
    str
        Base64 of the zlib-compressed lengths of the runs of equal values in C
        order, then their values, each a little-endian int64.

    Raises
    ------
    ImageError
        There are more than `MAX_RUNS` runs.
    """
    flat = np.ascontiguousarray(array).ravel()
    starts = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat.size:
        starts = np.concatenate([[0], starts])
    if starts.size > MAX_RUNS:
        raise ImageError(
            f"a mask of {starts.size} runs of pixels is too ragged to be recorded, the "
            f"limit is {MAX_RUNS}; smooth it"
        )
    lengths = np.diff(starts, append=flat.size)
    runs = np.stack([lengths.astype(_NUMBER), flat[starts].astype(_NUMBER)])
    return base64.b64encode(zlib.compress(runs.tobytes())).decode()


def decode_runs(text: str, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
    """Decode a text of `encode_runs`.

    Parameters
    ----------
    text : str
        The text.
    shape : sequence of int
        Shape of the array.
    dtype : dtype
        Its data type.

    Raises
    ------
    ValueError
        The text is damaged or has another number of pixels, or a value does not
        fit the data type.
    """
    lengths, values = _runs(text, math.prod(map(int, shape)))
    cast = values.astype(dtype)
    if not np.array_equal(cast.astype(_NUMBER), values):
        raise ValueError(f"id {int(values.max())} does not fit {np.dtype(dtype)}")
    return np.repeat(cast, lengths).reshape(shape)


def count_runs(text: str, size: int) -> Counter[int]:
    """Count the pixels of each value other than 0.

    Parameters
    ----------
    text : str
        The text.
    size : int
        Number of pixels.

    Raises
    ------
    ValueError
        The text is damaged or has another number of pixels.
    """
    lengths, values = _runs(text, size)
    ids, which = np.unique(values, return_inverse=True)
    totals = np.zeros(ids.size, np.int64)
    np.add.at(totals, which, lengths)
    counts = zip(ids.tolist(), totals.tolist(), strict=True)
    return Counter({value: total for value, total in counts if value and total})


def mask_digest(bbox: Sequence[int], data: NDArray[np.bool_]) -> str:
    """Return the SHA-256 of a mask's box and pixels, hexadecimal.

    Parameters
    ----------
    bbox : sequence of int
        ``(y0, x0, y1, x1)``, plane pixels.
    data : ndarray
        bool, ``(y1 - y0, x1 - x0)``.
    """
    digest = hashlib.sha256(repr(tuple(map(int, bbox))).encode())
    digest.update(np.packbits(data).tobytes())
    return digest.hexdigest()


def unpacked(text: str, most: int) -> bytes:
    """Decompress a text (base64 of zlib) to at most `most` bytes.

    Raises
    ------
    ValueError
        It is damaged, or longer.
    """
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(base64.b64decode(text, validate=True), most + 1)
    except zlib.error as error:
        raise ValueError(f"pixels are damaged: {error}") from error
    if len(content) > most:
        raise ValueError(f"pixels of more than {most} bytes")
    if not unpacker.eof:
        raise ValueError("pixels are damaged: they are cut short")
    return content


def _runs(text: str, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return lengths and values of the runs of a text with `size` pixels."""
    content = unpacked(text, 2 * _NUMBER.itemsize * min(size, MAX_RUNS))
    if len(content) % (2 * _NUMBER.itemsize):
        raise ValueError("runs are damaged: they are no pairs of numbers")
    lengths, values = np.frombuffer(content, _NUMBER).reshape(2, -1)
    # each length first: a sum of unchecked numbers might overflow
    if not ((lengths > 0) & (lengths <= size)).all():
        raise ValueError(
            f"a run of {lengths.min()} to {lengths.max()} of {size} pixels"
        )
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if ends.size else 0
    if total != size or (ends <= 0).any():
        raise ValueError(f"runs of {total} pixels, not of {size}")
    return lengths, values
