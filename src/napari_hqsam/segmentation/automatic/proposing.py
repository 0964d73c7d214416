"""Where automatic segmentation gets its prompts from: the interface of proposers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_hqsam.geometry import Box, Point
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.tiling import Grid, Tile


class Proposer(Protocol):
    """Gives the prompts of a tile, one object each."""

    def propose(self, tile: Tile) -> Sequence[Sequence[Prompt]]:
        """Propose prompts.

        Parameters
        ----------
        tile : Tile
            Of the grid.

        Returns
        -------
        sequence of sequences of Prompt
            Plane coordinates; the first point of each is the one that its mask must
            hold. In phases: prompts of a later one are skipped where masks of an
            earlier one lie. Only those whose first point this tile owns.
        """
        ...


def rows_of_tiles(grid: Grid, level: int, region: Box) -> Iterator[list[Tile]]:
    """Yield rows of the tiles that own points of a region.

    A tile owns the points that are nearer to its centre than to any other's: there
    most of their surroundings is seen.

    Parameters
    ----------
    grid : Grid
        Of the plane.
    level : int
        Of the tiles.
    region : (y0, x0, y1, x1)
        Half-open, plane pixels.
    """
    rows, columns = _owners(grid, level, region)
    for row in rows:
        yield [grid.tile(level, row, column) for column in columns]


def count_tiles(grid: Grid, level: int, region: Box) -> int:
    """Count the tiles that `rows_of_tiles` yields."""
    rows, columns = _owners(grid, level, region)
    return len(rows) * len(columns)


def owns(grid: Grid, tile: Tile, point: Point) -> bool:
    """Whether a tile of the grid owns a point; see `rows_of_tiles`."""
    assert tile.address is not None
    return grid.nearest(tile.address.level, point).address == tile.address


def _owners(grid: Grid, level: int, region: Box) -> tuple[range, range]:
    first = grid.nearest(level, region[:2]).address
    last = grid.nearest(level, (region[2] - 1, region[3] - 1)).address
    assert first is not None
    assert last is not None
    return range(first.row, last.row + 1), range(first.col, last.col + 1)
