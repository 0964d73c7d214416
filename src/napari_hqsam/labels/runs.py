"""Masks and label crops as short text: run lengths, compressed.

An object is a few runs of equal pixels per row, so the text is a small share of
the pixels, and the pixels of each id can be counted without making them again.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

_NUMBER = np.dtype("<i8")


def encode_runs(array: NDArray[Any]) -> str:
    """Write integers as text.

    Parameters
    ----------
    array : ndarray
        bool or integers of any shape, which is not written.

    Returns
    -------
    str
        Base64 of the zlib-compressed lengths of the runs of equal values in C
        order, then their values, each a little-endian int64.
    """
    flat = np.ascontiguousarray(array).ravel()
    starts = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat.size:
        starts = np.concatenate([[0], starts])
    lengths = np.diff(starts, append=flat.size)
    runs = np.stack([lengths.astype(_NUMBER), flat[starts].astype(_NUMBER)])
    return base64.b64encode(zlib.compress(runs.tobytes())).decode()


def decode_runs(text: str, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
    """Read what `encode_runs` wrote.

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
        If the text is damaged or is of another number of pixels, or a value
        does not fit the data type.
    """
    lengths, values = _runs(text)
    size = int(np.prod(shape, dtype=np.int64))
    if min(lengths, default=0) < 0 or int(lengths.sum()) != size:
        raise ValueError(f"runs of {int(lengths.sum())} pixels, not of {size}")
    cast = values.astype(dtype)
    if not np.array_equal(cast.astype(_NUMBER), values):
        raise ValueError(f"id {int(values.max())} does not fit {np.dtype(dtype)}")
    return np.repeat(cast, lengths).reshape(shape)


def count_runs(text: str) -> Counter[int]:
    """Count the pixels of each value but 0.

    Raises
    ------
    ValueError
        If the text is damaged.
    """
    lengths, values = _runs(text)
    counts: Counter[int] = Counter()
    for value, length in zip(values.tolist(), lengths.tolist(), strict=True):
        if value:
            counts[value] += length
    return counts


def mask_digest(bbox: Sequence[int], data: NDArray[np.bool_]) -> str:
    """Name a mask by its place and its pixels: SHA-256, hex.

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


def _runs(text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lengths and values of the runs."""
    try:
        numbers = zlib.decompress(base64.b64decode(text, validate=True))
    except zlib.error as error:
        raise ValueError(f"runs are damaged: {error}") from error
    lengths, values = np.frombuffer(numbers, _NUMBER).reshape(2, -1)
    return lengths, values
