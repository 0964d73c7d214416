"""Digest of labels, to detect that another program has changed them.

It is of the ids alone: the same for every format, data type and chunk shape.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

_PIXELS = 2**24
"""How many are read at a time."""


def labels_digest(array: Any) -> str:  # noqa: ANN401 - numpy, zarr or another
    """Return the SHA-256 of labels, hex.

    Parameters
    ----------
    array : array-like
        Integers from 0 to 2**32 - 1, ``(..., h, w)``; read band by band, once.
        Leading dimensions of length 1 do not count: not all formats keep them.
    """
    shape = tuple(map(int, array.shape))
    counted = tuple(n for n in shape[:-2] if n > 1) + shape[-2:]
    digest = hashlib.sha256(repr(counted).encode())
    step = _rows_at_once(array, shape)
    for index in np.ndindex(shape[:-2]):
        for y in range(0, shape[-2], step):
            rows = slice(y, min(y + step, shape[-2]))
            band = np.asarray(array[(*index, rows, slice(0, shape[-1]))])
            digest.update(np.ascontiguousarray(band, "<u4").data)
    return digest.hexdigest()


def _rows_at_once(array: Any, shape: tuple[int, ...]) -> int:  # noqa: ANN401
    """Return the number of rows to read at a time: whole chunks."""
    stored = getattr(array, "shards", None) or getattr(array, "chunks", None)
    unit = stored[-2] if stored else 1
    unit = unit if isinstance(unit, int) else 1  # dask's chunks may differ
    return max(_PIXELS // max(shape[-1], 1) // unit, 1) * unit
