"""From a coarse mask to a fine one: the tiles along its boundary, asked again.

They are given the coarse mask as prompt. What of it they deny though it is a
part of its own stays as coarse as it was; what the coarse look has lost, since
it is thin, is followed from where the finer answers show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

from napari_hqsam.masks.metrics import iou
from napari_hqsam.segmentation.plane import following
from napari_hqsam.segmentation.plane.field import Field
from napari_hqsam.segmentation.plane.following import (
    AGREEMENT,
    Trail,
    is_thin,
    kept_where,
)
from napari_hqsam.segmentation.plane.parts import covers, sizeable, touching

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.segmentation.plane.following import Exit, Question
    from napari_hqsam.tiling import Tile

_BLOCK = 512  # canvas pixels along each side, read at once


class Refined(NamedTuple):
    """A field one level finer, and whether all of the object could be followed."""

    field: Field
    complete: bool


def refine(question: Question, coarse: Field, *, follow: bool) -> Refined | None:
    """Ask the tiles along the boundary of a coarse mask again, one level finer.

    Parameters
    ----------
    question : Question
        For the object.
    coarse : Field
        What is known of it.
    follow : bool
        Whether what the coarse look has lost is to be followed.

    Returns
    -------
    Refined or None
        None if the tiles are too many.
    """
    field = Field(coarse.grid, coarse.level - 1, coarse)
    tiles = boundary_tiles(coarse, field)
    if len(tiles) > following.MAX_TILES:
        return None
    trail = Trail(question, field)
    ways = [way for tile in tiles for way in _look_again(trail, coarse, tile)]
    return Refined(field, trail.follow(ways) if follow else True)


def _look_again(trail: Trail, coarse: Field, tile: Tile) -> list[Exit]:
    """Ask one tile again; return where the object leaves it."""
    before = seen_finer(coarse, trail.field.rect(tile))
    on = before > 0
    parts = sizeable(on)
    if not parts:
        return []
    h, w = before.shape
    logits = trail.question.ask(trail.field, tile, parts, before)
    mask = logits[:h, :w].numpy() > 0
    lost = [part for part in parts if covers(mask, part) < AGREEMENT]
    if len(lost) == len(parts):
        return []
    away = np.any(lost, axis=0) if lost else np.zeros_like(on)
    kept = on & ~away
    if iou(mask, kept) < AGREEMENT and not is_thin(mask & ~kept):
        return []
    part = touching(mask, kept)
    trail.add(tile, kept_where(away, before, logits), part | away)
    return trail.exits(tile, part)


def boundary_tiles(coarse: Field, field: Field) -> Sequence[Tile]:
    """Tiles of the finer field nearest to the boundary of the coarser mask.

    In the order of the grid, each once.
    """
    grid = field.grid
    h, w = grid.plane_shape
    step = grid.stride * 2.0**field.level / 4
    tiles: set[Tile] = set()
    for rows, cols in _boundary(coarse):
        ys, xs = (
            np.minimum((v + 0.5) * coarse.pitch // step * step + step / 2, side - 1)
            for v, side in ((rows, h), (cols, w))
        )
        points = np.unique(np.stack([ys, xs], axis=1), axis=0)
        tiles.update(grid.nearest(field.level, p) for p in points.tolist())
    return sorted(tiles, key=lambda t: t.address or (0, 0, 0))


def _boundary(field: Field) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield rows and columns of canvas pixels on the boundary, block by block."""
    r0, c0, r1, c1 = field.bounds()
    if r1 <= r0:
        return
    around = r0 - 1, c0 - 1, r1 + 1, c1 + 1
    for top in range(around[0], around[2], _BLOCK):
        for left in range(around[1], around[3], _BLOCK):
            # one pixel more on all sides, as far as there are any
            first = max(top - 1, around[0]), max(left - 1, around[1])
            bottom = min(top + _BLOCK, around[2])
            right = min(left + _BLOCK, around[3])
            last = min(bottom + 1, around[2]), min(right + 1, around[3])
            mask = field.read((*first, *last)) > 0
            edge = mask & ~ndimage.binary_erosion(mask, border_value=1)
            rows, cols = np.nonzero(
                edge[top - first[0] : bottom - first[0], left - first[1] :][
                    :, : right - left
                ]
            )
            if len(rows):
                yield rows + top, cols + left


def seen_finer(field: Field, rect: Box) -> NDArray[np.float32]:
    """Logits of a field in a rectangle of the canvas one level finer."""
    return Field(field.grid, field.level - 1, field).read(rect)
