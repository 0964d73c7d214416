"""Proposer of the SAM paper: a regular grid of clicks over the plane."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.automatic.proposing import Proposal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.geometry import Box, Point
    from napari_hqsam.segmentation.automatic.proposing import TileView
    from napari_hqsam.tiling import Grid, Tile

PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
"""(row, column) parities, decoded in this order: later points are often skipped."""


class GridProposer:
    """A regular grid of clicks (SAM paper, appendix B); a `Proposer` for any model.

    The points are spaced evenly over the whole plane, so that neighbouring
    regions continue the same grid.

    Parameters
    ----------
    grid : Grid
        Tile grid of the plane.
    level : int
        Level of the tiles.
    region : (y0, x0, y1, x1)
        Plane pixels, half-open: points within.
    points_per_side : int
        Points along the side of a tile.
    """

    def __init__(
        self, grid: Grid, level: int, region: Box, points_per_side: int
    ) -> None:
        size = grid.size * 2.0**level / points_per_side
        self._rows, self._columns = (
            _owned(grid, level, axis, region[axis], region[axis + 2], size)
            for axis in (0, 1)
        )

    def propose(self, view: TileView) -> list[list[Proposal]]:
        """Propose the points that the tile owns, by the parity of row and column.

        A tile of one colour gets no points.
        """
        tile = view.tile
        assert tile.address is not None
        if view.is_flat:
            return []
        rows = self._rows.get(tile.address.row, ())
        columns = self._columns.get(tile.address.col, ())
        return [
            [
                Proposal(Prompt([(y, x)]))
                for i, y in rows
                for j, x in columns
                if (i % 2, j % 2) == phase
            ]
            for phase in PHASES
        ]


def _owned(
    grid: Grid, level: int, axis: int, start: int, stop: int, spacing: float
) -> dict[int, list[tuple[int, float]]]:
    """Group coordinates along an axis by the nearest row (or column) of tiles."""
    length = grid.plane_shape[axis]
    steps = max(1, round(length / spacing))
    places = (np.arange(steps) + 0.5) * (length / steps) - 0.5
    numbered = [(i, float(p)) for i, p in enumerate(places) if start <= p + 0.5 < stop]
    owned: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for i, place in numbered or [(0, (start + stop - 1) / 2)]:
        address = grid.nearest(level, (place, place)).address
        assert address is not None
        owned[address[1 + axis]].append((i, place))
    return dict(owned)


def sample_points(tile: Tile, grid: Grid, per_side: int) -> Sequence[Point]:
    """Return evenly spaced points on the part of the plane that a tile covers."""
    y0, x0, y1, x1 = tile.region
    h, w = grid.plane_shape
    y1, x1 = min(y1, h), min(x1, w)
    at = (np.arange(per_side) + 0.5) / per_side
    ys, xs = y0 + at * (y1 - y0) - 0.5, x0 + at * (x1 - x0) - 0.5
    return [(float(y), float(x)) for y in ys for x in xs]
