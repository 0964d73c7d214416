"""Cells: the fixed squares of a plane for which results are defined; blocks of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.geometry import Box
    from napari_hqsam.tiling import Grid

CELL_TILES = 4
"""Tiles along the side of a cell."""

Cell = tuple[int, int]


@dataclass(frozen=True)
class Cells:
    """The cells of a plane at a level.

    A cell is what `CELL_TILES` x `CELL_TILES` tiles own: the points that are nearer to
    their centres than to any other's. So no tile is asked for proposals by two cells.

    Attributes
    ----------
    grid : Grid
        Tile grid of the plane.
    level : int
        Level of the tiles.
    """

    grid: Grid
    level: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        rows, columns = self.grid.shape(self.level)
        return math.ceil(rows / CELL_TILES), math.ceil(columns / CELL_TILES)

    def box(self, cell: Cell) -> Box:
        """Return a cell's (y0, x0, y1, x1), half-open, plane pixels."""
        (row, column), (h, w) = cell, self.grid.plane_shape
        rows, columns = self.shape
        return (
            self._start(row),
            self._start(column),
            self._start(row + 1) if row + 1 < rows else h,
            self._start(column + 1) if column + 1 < columns else w,
        )

    def _start(self, number: int) -> int:
        if not number:
            return 0
        pixels = number * CELL_TILES * self.grid.stride + self.grid.size // 4
        return math.ceil(pixels * 2.0**self.level)

    def blocks(self, side: int) -> Iterator[list[Cell]]:
        """Yield the cells of each block of `side` x `side` cells, lazily."""
        rows, columns = self.shape
        for top, left in product(range(0, rows, side), range(0, columns, side)):
            yield [
                (row, column)
                for row in range(top, min(top + side, rows))
                for column in range(left, min(left + side, columns))
            ]

    def number(self, cell: Cell) -> int:
        """Return the number of a cell, row by row."""
        return cell[0] * self.shape[1] + cell[1]

    def cell(self, number: int) -> Cell:
        """Return the cell of a number."""
        return divmod(int(number), self.shape[1])
