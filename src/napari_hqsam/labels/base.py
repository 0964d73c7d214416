"""Copies of the labels that a session began with."""

from __future__ import annotations

import itertools
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.labels.writing import MAX_ID, id_dtype, labels_on_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_hqsam.geometry import Space

_SIDE, _PIXELS = 1024, 2**24
"""Largest side (y and x) and number of pixels of a block; what is stored as one chunk
may be larger."""


def keep_base(array: Any, path: Path, space: Space) -> int:  # noqa: ANN401
    """Copy labels to a TIFF, unless there are none.

    Parameters
    ----------
    array : array-like
        Integers, ``(..., h, w)``; read block by block, once.
    path : pathlib.Path
        The file, ``.tif``.
    space : Space
        Where they lie.

    Returns
    -------
    int
        The highest id; 0 if there are no labels, and no file then.

    Raises
    ------
    ImageError
        If an id is below 0 or too high for a file.
    OutputError
        If the file cannot be written.
    """
    if _is_blank(array):
        return 0
    highest = 0
    # In one pass: compressed labels are read once, whatever is in them.
    with (
        suppress(_Empty),
        labels_on_disk(
            path,
            array.shape,
            dtype=id_dtype(min(int(np.iinfo(array.dtype).max), MAX_ID)),
            space=space,
            overwrite=False,
            internal=True,
        ) as kept,
    ):
        for key, block in _blocks(array):
            most = int(block.max())
            lowest = int(block.min()) if block.dtype.kind == "i" else 0
            if lowest < 0:
                raise ImageError(f"label id {lowest} is below 0; relabel")
            id_dtype(most)  # raises if no file holds it
            if most:
                kept[key] = block.astype(kept.dtype)
            highest = max(highest, most)
        if not highest:
            raise _Empty
    return highest


def copy_labels(array: Any, to: Any) -> None:  # noqa: ANN401
    """Copy labels into others of the same shape, block by block."""
    for key, block in _blocks(array):
        to[key] = block.astype(to.dtype)


def _is_blank(array: Any) -> bool:  # noqa: ANN401
    """Whether labels are a zarr array without stored chunks: all background.

    Such an array may be too large to read in a minute.
    """
    stored = getattr(array, "nchunks_initialized", None)
    return stored == 0 and getattr(array, "fill_value", None) == 0


class _Empty(Exception):
    """There are no labels to copy."""


def _blocks(
    array: Any,  # noqa: ANN401
) -> Iterator[tuple[tuple[slice, ...], np.ndarray]]:
    """Yield labels block by block with their indices; each chunk is in one block."""
    shape = tuple(map(int, array.shape))
    stored = getattr(array, "shards", None) or getattr(array, "chunks", None)
    units = [n if isinstance(n, int) else n[0] for n in stored or [1] * len(shape)]
    across = math.prod(units[:-2])
    side = min(_SIDE, math.isqrt(max(_PIXELS // across, 1)))
    steps = [*units[:-2], *(n * max(side // n, 1) for n in units[-2:])]
    starts = [range(0, size, step) for size, step in zip(shape, steps, strict=True)]
    for corner in itertools.product(*starts):
        key = tuple(
            slice(at, min(at + step, size))
            for at, step, size in zip(corner, steps, shape, strict=True)
        )
        yield key, np.asarray(array[key])
