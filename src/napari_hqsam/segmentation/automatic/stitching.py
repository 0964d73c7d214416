"""Stitch the maps of an instance decoder around a tile, from inner parts of tiles.

The inner part of a tile is what it owns: the pixels nearer to its centre than to any
other's. Stitched maps therefore do not depend on the tile that they are made for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.segmentation.automatic.proposing import TileView
    from napari_hqsam.tiling import Grid, Tile

PITCH = 4
"""Network pixels per value of the maps."""
REACH = 1
"""Tiles on each side whose inner parts are stitched: 3 x 3 reach over three halves of
a tile, half a tile beyond the inner part of the one in the middle."""


@dataclass(frozen=True, eq=False)
class MapWindow:
    """Maps over part of a plane.

    Attributes
    ----------
    maps : ndarray
        (3, h, w) float32 in 0..1; see `network.InstanceDecoder`.
    corner : (row, col)
        Canvas pixel (see `plane.LogitCanvas`) of the first value.
    pitch : float
        Plane pixels per canvas pixel.
    open_sides : (bool, bool, bool, bool)
        Whether the plane continues beyond: top, left, bottom, right.
    """

    maps: NDArray[np.float32]
    corner: tuple[int, int]
    pitch: float
    open_sides: tuple[bool, bool, bool, bool]


def stitch(view: TileView) -> MapWindow:
    """Stitch the maps of a tile and its neighbours from their inner parts."""
    grid = view.decoder.grid
    steps = range(-REACH, REACH + 1)
    around = {(i, j): view.neighbour(i, j) for i in steps for j in steps}
    views = {at: each for at, each in around.items() if each is not None}
    boxes = {at: inner_box(grid, each.tile) for at, each in views.items()}
    top, left = (min(box[axis] for box in boxes.values()) for axis in (0, 1))
    bottom, right = (max(box[2 + axis] for box in boxes.values()) for axis in (0, 1))
    maps = np.empty((3, bottom - top, right - left), np.float32)
    for at, each in views.items():
        r0, c0, r1, c1 = boxes[at]
        row, col = canvas_corner(grid, each.tile)
        part = each.instance_maps()[:, r0 - row : r1 - row, c0 - col : c1 - col]
        maps[:, r0 - top : r1 - top, c0 - left : c1 - left] = part
    rows, columns = (
        -(-side // PITCH) for side in grid.level_shape(level_of(view.tile))
    )
    return MapWindow(
        maps,
        (top, left),
        PITCH * 2.0 ** level_of(view.tile),
        (top > 0, left > 0, bottom < rows, right < columns),
    )


def level_of(tile: Tile) -> int:
    """Return the level of a tile of a grid."""
    assert tile.address is not None
    return tile.address.level


def canvas_corner(grid: Grid, tile: Tile) -> tuple[int, int]:
    """Return the first canvas pixel of a tile of a grid."""
    assert tile.address is not None
    cell = grid.size // 8
    return tile.address.row * cell, tile.address.col * cell


def inner_box(grid: Grid, tile: Tile) -> Box:
    """Return the canvas pixels (r0, c0, r1, c1) that a tile owns."""
    assert tile.address is not None
    (r0, c0), (h, w) = canvas_corner(grid, tile), tile.decoded_shape
    margin = grid.size // 16
    rows, columns = grid.shape(tile.address.level)
    row, column = tile.address.row, tile.address.col
    return (
        r0 + (margin if row else 0),
        c0 + (margin if column else 0),
        r0 + (3 * margin if row < rows - 1 else h),
        c0 + (3 * margin if column < columns - 1 else w),
    )
