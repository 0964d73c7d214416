"""Refine the boundary of a coarse mask, one level finer.

The finer tiles along the boundary are decoded with the coarse mask as prompt. A
connected component of it that the finer tile does not confirm stays as coarse as it
was. Thin structures that the coarse level has lost are traced from where the finer
masks show them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

from napari_hqsam.masks.metrics import iou
from napari_hqsam.segmentation.plane import tracing
from napari_hqsam.segmentation.plane.components import (
    components_touching,
    covered_fraction,
    large_components,
)
from napari_hqsam.segmentation.plane.logit_canvas import LogitCanvas
from napari_hqsam.segmentation.plane.tracing import (
    AGREEMENT,
    TileTracer,
    is_thin,
    restore_where,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.segmentation.plane.tracing import Exit, TilePrompter
    from napari_hqsam.tiling import Tile

_BLOCK = 512  # canvas pixels along each side, read at once


class RefinedCanvas(NamedTuple):
    """A canvas one level finer, and whether the whole object could be traced on it."""

    canvas: LogitCanvas
    complete: bool


def refine(
    prompter: TilePrompter, coarse: LogitCanvas, *, trace: bool
) -> RefinedCanvas | None:
    """Decode the tiles along the boundary of a coarse mask, one level finer.

    Parameters
    ----------
    prompter : TilePrompter
        Prompts other tiles for the object.
    coarse : LogitCanvas
        Its logits at the coarser level.
    trace : bool
        Whether to trace what the coarse level has lost.

    Returns
    -------
    RefinedCanvas or None
        None if there are more than `tracing.MAX_TILES` tiles.
    """
    canvas = LogitCanvas(coarse.grid, coarse.level - 1, coarse)
    tiles = boundary_tiles(coarse, canvas)
    if len(tiles) > tracing.MAX_TILES:
        return None
    tracer = TileTracer(prompter, canvas)
    exits = [found for tile in tiles for found in _refine_tile(tracer, coarse, tile)]
    return RefinedCanvas(canvas, tracer.trace(exits) if trace else True)


def _refine_tile(tracer: TileTracer, coarse: LogitCanvas, tile: Tile) -> list[Exit]:
    """Decode one tile with the coarse mask; return where the object leaves it."""
    before = read_one_level_finer(coarse, tracer.canvas.rect(tile))
    on = before > 0
    parts = large_components(on)
    if not parts:
        return []
    h, w = before.shape
    logits = tracer.prompter.decode(tracer.canvas, tile, parts, before)
    mask = logits[:h, :w].numpy() > 0
    lost = [part for part in parts if covered_fraction(mask, part) < AGREEMENT]
    if len(lost) == len(parts):
        return []
    unconfirmed = np.any(lost, axis=0) if lost else np.zeros_like(on)
    confirmed = on & ~unconfirmed
    if iou(mask, confirmed) < AGREEMENT and not is_thin(mask & ~confirmed):
        return []
    part = components_touching(mask, confirmed)
    tracer.add(tile, restore_where(unconfirmed, before, logits), part | unconfirmed)
    return tracer.exits(tile, part)


def boundary_tiles(coarse: LogitCanvas, canvas: LogitCanvas) -> Sequence[Tile]:
    """Return the finer canvas's tiles nearest to the boundary of the coarser mask.

    In the order of the grid, each once.
    """
    grid = canvas.grid
    h, w = grid.plane_shape
    step = grid.stride * 2.0**canvas.level / 4
    tiles: set[Tile] = set()
    for rows, cols in _boundary(coarse):
        ys, xs = (
            np.minimum((v + 0.5) * coarse.pitch // step * step + step / 2, side - 1)
            for v, side in ((rows, h), (cols, w))
        )
        points = np.unique(np.stack([ys, xs], axis=1), axis=0)
        tiles.update(grid.nearest(canvas.level, p) for p in points.tolist())
    return sorted(tiles, key=lambda t: t.address or (0, 0, 0))


def _boundary(
    canvas: LogitCanvas,
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield rows and columns of canvas pixels on the boundary, block by block."""
    r0, c0, r1, c1 = canvas.bounds()
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
            mask = canvas.read((*first, *last)) > 0
            edge = mask & ~ndimage.binary_erosion(mask, border_value=1)
            rows, cols = np.nonzero(
                edge[top - first[0] : bottom - first[0], left - first[1] :][
                    :, : right - left
                ]
            )
            if len(rows):
                yield rows + top, cols + left


def read_one_level_finer(canvas: LogitCanvas, rect: Box) -> NDArray[np.float32]:
    """Read a canvas, enlarged bilinearly, in a rectangle one level finer."""
    return LogitCanvas(canvas.grid, canvas.level - 1, canvas).read(rect)
