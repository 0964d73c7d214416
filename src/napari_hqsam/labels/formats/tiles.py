"""A zarr array whose chunk files are the tiles of a TIFF, byte for byte.

A chunk of zarr v2 with the codec zlib is what TIFF calls a tile compressed with Adobe
Deflate: whole even at the border, and without header. Source: TIFF 6.0, section 15.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import zarr

    from napari_hqsam.labels.chunk_files import ChunkFiles

_TILE = 512
_TILE_UNIT = 16  # TIFF 6.0, section 15
ZLIB_LEVEL = 1


def create_tiles(
    files: ChunkFiles, shape: tuple[int, ...], dtype: np.dtype
) -> zarr.Array[Any]:
    """Create the array, all 0.

    Parameters
    ----------
    files : ChunkFiles
        Where it lies.
    shape : tuple of int
        ``(..., h, w)``.
    dtype : numpy.dtype
    """
    import zarr

    tile = tuple(min(_TILE, _round_up(n)) for n in shape[-2:])
    return zarr.create_array(
        files,
        shape=shape,
        dtype=dtype.newbyteorder("<"),
        chunks=(1,) * (len(shape) - 2) + tile,
        compressors=[{"id": "zlib", "level": ZLIB_LEVEL}],
        fill_value=0,
        zarr_format=2,
    )


def encoded_tiles(tiles: zarr.Array[Any], folder: Path) -> Iterator[bytes]:
    """Yield the compressed tiles, plane by plane and row by row."""
    background = _blank(math.prod(tiles.chunks) * tiles.dtype.itemsize)
    for place in np.ndindex(tiles.cdata_shape):
        try:
            yield (folder / ".".join(map(str, place))).read_bytes()
        except FileNotFoundError:
            yield background


def encoded_strips(tiles: zarr.Array[Any], folder: Path, rows: int) -> Iterator[bytes]:
    """Yield compressed strips instead, plane by plane from the top.

    Parameters
    ----------
    tiles : zarr.Array
    folder : pathlib.Path
        Where its chunk files are.
    rows : int
        Rows of a strip; they divide the height of a tile.
    """
    height, width = tiles.shape[-2:]
    side, itemsize = tiles.chunks[-2], tiles.dtype.itemsize
    row = width * itemsize
    blank = {n: _blank(n * row) for n in {rows, height % rows} if n}
    for place in np.ndindex(tiles.cdata_shape[:-1]):
        top = place[-1] * side
        starts = range(top, min(top + side, height), rows)
        names = (".".join(map(str, (*place, i))) for i in range(tiles.cdata_shape[-1]))
        if not any((folder / name).exists() for name in names):
            yield from (blank[min(rows, height - start)] for start in starts)
            continue
        band = np.asarray(tiles[(*place[:-1], slice(top, min(top + side, height)))])
        for start in starts:
            strip = np.ascontiguousarray(band[start - top : start - top + rows])
            yield zlib.compress(strip.tobytes(), ZLIB_LEVEL)


def rows_of_strip(tiles: zarr.Array[Any], size: int = 2**18) -> int:
    """Return the number of rows in a strip of about `size` bytes."""
    row = tiles.shape[-1] * tiles.dtype.itemsize
    side = int(tiles.chunks[-2])
    power = max(int(size // row), 1).bit_length() - 1
    return min(1 << power, side & -side)


def _blank(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)  # once, for thousands of them


def _round_up(length: int) -> int:
    """Round up to a valid side of a TIFF tile."""
    return -(-length // _TILE_UNIT) * _TILE_UNIT
