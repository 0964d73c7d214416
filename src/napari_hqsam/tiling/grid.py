"""The grid of tiles over a plane, at every level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from napari_hqsam.errors import ImageError
from napari_hqsam.tiling.tile import Address, Tile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FINEST = -3
"""Lowest level: 8-fold magnification, at which 64 divides every tile size."""


@dataclass(frozen=True)
class Grid:
    """Tiles of S x S network pixels in steps of S/2 over one plane.

    At level k a network pixel covers 2^k plane pixels. Tile (row, col) begins at
    network pixel (row * S/2, col * S/2), so that every object of at most S/2
    network pixels lies completely in some tile, and every point in up to four tiles.

    Parameters
    ----------
    plane_shape : (h, w)
        Plane pixels.
    size : int
        S, side of the network's input; 64 divides it.

    Raises
    ------
    ImageError
        If the plane has no pixels.
    """

    plane_shape: tuple[int, int]
    size: int

    def __post_init__(self) -> None:
        if min(self.plane_shape) < 1:
            h, w = self.plane_shape
            raise ImageError(f"a plane of {h} x {w} pixels has nothing to segment")

    @property
    def stride(self) -> int:
        """Network pixels from one tile to the next."""
        return self.size // 2

    @cached_property
    def coarsest(self) -> int:
        """Lowest level at which the whole plane lies in one tile."""
        longest = max(self.plane_shape)
        level = FINEST
        while longest > self.size * 2.0**level:
            level += 1
        return level

    def level_shape(self, level: int) -> tuple[int, int]:
        """Return (h, w) of the plane at a level in network pixels, rounded up."""
        h, w = self.plane_shape
        return math.ceil(h / 2.0**level), math.ceil(w / 2.0**level)

    def shape(self, level: int) -> tuple[int, int]:
        """Return the rows and columns of tiles at a level."""
        h, w = self.level_shape(level)
        return self._count(h), self._count(w)

    def _count(self, length: int) -> int:
        return 1 + max(0, math.ceil((length - self.size) / self.stride))

    def clip(self, level: int) -> int:
        """Clip a level to the range from `FINEST` to `coarsest`."""
        return min(max(level, FINEST), self.coarsest)

    def level_for(self, extent: float, share: float) -> int:
        """Return the finest level at which an object is small enough for a tile.

        Parameters
        ----------
        extent : float
            Longer side of an object, plane pixels.
        share : float
            Largest size as a fraction of the tile's side; at most 1/2 if the object
            must lie completely in some tile.
        """
        wanted = max(extent, 1e-9) / (self.size * share)
        return self.clip(math.ceil(math.log2(wanted) - 1e-9))

    def tile(self, level: int, row: int, col: int) -> Tile:
        """Return the tile at a row and column of the grid.

        Raises
        ------
        IndexError
            There is no such tile.
        """
        rows, cols = self.shape(level)
        if not (FINEST <= level and 0 <= row < rows and 0 <= col < cols):
            raise IndexError(f"no tile {row}, {col} at level {level}: {rows} x {cols}")
        h, w = self.level_shape(level)
        resized = (
            min(self.size, h - row * self.stride),
            min(self.size, w - col * self.stride),
        )
        return Tile(
            self._plane(row * self.stride, level),
            self._plane(col * self.stride, level),
            (self._plane(resized[0], level), self._plane(resized[1], level)),
            resized,
            self.size,
            Address(level, row, col),
        )

    @staticmethod
    def _plane(length: int, level: int) -> int:
        """Convert network pixels to plane pixels; exact for levels from `FINEST`."""
        return length << level if level >= 0 else math.ceil(length / 2**-level)

    def nearest(self, level: int, point: Sequence[float]) -> Tile:
        """Return the tile whose centre is nearest to a (y, x) of the plane."""
        return self.tile(
            level,
            *(
                min(max(_round((p + 0.5) / 2.0**level / self.stride - 1), 0), n - 1)
                for p, n in zip(point, self.shape(level), strict=True)
            ),
        )

    def overlapping(self, level: int, region: Sequence[float]) -> Iterator[Tile]:
        """Yield the tiles that overlap a half-open plane box (y0, x0, y1, x1).

        None for an empty box, or one outside the plane.
        """
        (h, w), (rows, cols) = self.plane_shape, self.shape(level)
        y0, x0, y1, x1 = region
        unit = 2.0**level
        for row in self._overlapping(max(y0, 0) / unit, min(y1, h) / unit, rows):
            for col in self._overlapping(max(x0, 0) / unit, min(x1, w) / unit, cols):
                yield self.tile(level, row, col)

    def _overlapping(self, start: float, stop: float, count: int) -> range:
        """Return the i < count for which [i S/2, i S/2 + S) overlaps [start, stop)."""
        if start >= stop:
            return range(0)
        first = math.floor((start - self.size) / self.stride) + 1
        last = math.ceil(stop / self.stride) - 1
        return range(max(first, 0), min(last, count - 1) + 1)

    def neighbour(self, tile: Tile, down: int, right: int) -> Tile | None:
        """Return the tile `down` rows and `right` columns on; None beyond the grid."""
        assert tile.address is not None
        level, row, col = tile.address
        rows, cols = self.shape(level)
        row, col = row + down, col + right
        if 0 <= row < rows and 0 <= col < cols:
            return self.tile(level, row, col)
        return None

    def open_sides(self, tile: Tile) -> tuple[bool, bool, bool, bool]:
        """Return on which sides the plane continues: top, left, bottom, right."""
        h, w = self.plane_shape
        y0, x0, y1, x1 = tile.region
        return y0 > 0, x0 > 0, y1 < h, x1 < w


def _round(value: float) -> int:
    return math.floor(value + 0.5)
