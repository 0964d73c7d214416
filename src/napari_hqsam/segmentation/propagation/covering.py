"""Few tiles for many objects of a slice: the encoder is called once for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_hqsam.geometry import FloatBox
    from napari_hqsam.tiling import Grid, Tile

KEPT = (1 / 4, 1.5)
"""Between these times the share of a tile's side that is meant for an object (see
`Tuning.object_share`) it keeps its level."""


def level_of(box: FloatBox, grid: Grid, before: int | None, share: float) -> int:
    """Level at which an object is looked at: that before, as long as it fits.

    Parameters
    ----------
    box : (y0, x0, y1, x1)
        Of the object, plane pixels.
    grid : Grid
    before : int or None
        Its level on the slice before.
    share : float
        Of a tile's side, for an object.
    """
    extent = max(box[2] - box[0], box[3] - box[1])
    if before is not None:
        taken = extent / (grid.size * 2.0**before)
        if KEPT[0] * share < taken <= KEPT[1] * share:
            return grid.clip(before)
    return grid.level_for(extent, share)


def cover(
    boxes: Mapping[int, tuple[FloatBox, int]], grid: Grid, share: float
) -> dict[int, Tile]:
    """Choose a tile for each object, as few different ones as come to hand.

    Greedily: again and again the tile that holds most of those still left. An
    object that lies well inside no tile gets the one whose centre is nearest.

    Parameters
    ----------
    boxes : mapping of int to ((y0, x0, y1, x1), level)
    grid : Grid
    share : float
        Of a tile's side, for an object.
    """
    # so far from its sides an object of that share is kept by the nearest tile
    rim = max(1 / 4 - share / 2, 0.0)
    holding: dict[Tile, list[int]] = {}
    chosen: dict[int, Tile] = {}
    for i, (box, level) in boxes.items():
        middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        nearest = grid.nearest(level, middle)
        well = [t for t in grid.meeting(level, box) if _lies_well(box, t, grid, rim)]
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
    """Whether a box keeps off the open sides of a tile, by a share of their length."""
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
