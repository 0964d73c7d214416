"""Cover the objects of a slice with few tiles, since each tile is encoded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_hqsam.geometry import FloatBox
    from napari_hqsam.tiling import Grid, Tile

SAME_LEVEL = (1 / 4, 1.5)
"""An object stays at its level while its size is within these multiples of the
intended one (`Tuning.object_share`): hysteresis."""


def choose_level(box: FloatBox, grid: Grid, before: int | None, share: float) -> int:
    """Choose the level for an object: that of the last slice, as long as it fits.

    Parameters
    ----------
    box : (y0, x0, y1, x1)
        Box of the object, plane pixels.
    grid : Grid
    before : int or None
        Its level on the last slice.
    share : float
        Intended size of an object, as a fraction of a tile's side.
    """
    extent = max(box[2] - box[0], box[3] - box[1])
    if before is not None:
        relative = extent / (grid.size * 2.0**before)
        if SAME_LEVEL[0] * share < relative <= SAME_LEVEL[1] * share:
            return grid.clip(before)
    return grid.level_for(extent, share)


def assign_tiles(
    boxes: Mapping[int, tuple[FloatBox, int]], grid: Grid, share: float
) -> dict[int, Tile]:
    """Assign a tile to each object, with few different tiles: greedy set cover.

    Each round takes the tile with the most objects not yet assigned (Chvatal 1979).
    An object that lies well inside no tile gets the one whose centre is nearest.

    Parameters
    ----------
    boxes : mapping of int to ((y0, x0, y1, x1), level)
        Plane pixels.
    grid : Grid
    share : float
        Intended size of an object, as a fraction of a tile's side.

    Returns
    -------
    dict of int to Tile
    """
    # the nearest tile holds an object of that size with this margin
    rim = max(1 / 4 - share / 2, 0.0)
    holding: dict[Tile, list[int]] = {}
    chosen: dict[int, Tile] = {}
    for i, (box, level) in boxes.items():
        middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        nearest = grid.nearest(level, middle)
        well = [
            t for t in grid.overlapping(level, box) if _lies_well(box, t, grid, rim)
        ]
        for tile in well or [nearest]:
            holding.setdefault(tile, []).append(i)
    while holding:
        tile = max(holding, key=lambda t: len(holding[t]))
        for i in holding.pop(tile):
            chosen[i] = tile
        left = {
            t: rest
            for t, those in holding.items()
            if (rest := [i for i in those if i not in chosen])
        }
        holding = left
    return chosen


def _lies_well(box: FloatBox, tile: Tile, grid: Grid, rim: float) -> bool:
    """Whether a box keeps a margin to the open sides of a tile, in tile sides."""
    assert tile.address is not None
    rim *= grid.size * 2.0**tile.address.level
    y0, x0, y1, x1 = tile.region
    top, left, bottom, right = grid.open_sides(tile)
    return not (
        (top and box[0] < y0 + rim)
        or (left and box[1] < x0 + rim)
        or (bottom and box[2] > y1 - rim)
        or (right and box[3] > x1 - rim)
    )
