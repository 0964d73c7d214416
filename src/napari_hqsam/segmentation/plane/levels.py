"""At which level, and on which tile, a prompt is looked at.

What hangs on the weights, such as how large an object should be on a tile, is the
model's own: see `models.Tuning`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.geometry.boxes import shape_of
from napari_hqsam.masks.algebra import tight_box
from napari_hqsam.segmentation.plane.field import Field
from napari_hqsam.segmentation.plane.parts import pointed_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_hqsam.models import Tuning
    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.plane.decoding import Answer
    from napari_hqsam.tiling import Grid, Tile

VIEW_SHARES = 1 / 40, 1 / 2
"""Shares of the view's longer side that an object which is clicked on rarely leaves."""


def levels_to_try(
    prompt: Prompt,
    grid: Grid,
    tuning: Tuning,
    typical_size: float | None = None,
    view_extent: float | None = None,
) -> list[int]:
    """Levels at which a prompt is looked at first.

    One level if the size of the object is known: that of its box or mask, of the
    answer so far, or of the objects accepted so far. Else, for
    clicks alone, the model's first levels, and the surest answer tells the size; none
    so fine that the positive clicks do not fit a tile, and none for objects of a size
    that is rarely clicked on in a view such as the user's.

    Parameters
    ----------
    prompt : Prompt
        Plane coordinates.
    grid : Grid
        Of the plane.
    tuning : Tuning
        Of the model.
    typical_size : float, optional
        Longer side of the objects accepted so far, plane pixels.
    view_extent : float, optional
        Longer side of what the user sees, plane pixels.
    """
    y0, x0, y1, x1 = prompt.focus
    extent = max(y1 - y0, x1 - x0)
    found = None if prompt.logits is None else prompt.logits.box
    if any(known is not None for known in (prompt.box, prompt.mask, found)):
        return [grid.level_for(extent, tuning.object_share)]
    finest = grid.level_for(extent, 0.5)
    if typical_size is not None:
        return [max(grid.level_for(typical_size, tuning.object_share), finest)]
    levels = [grid.clip(level) for level in tuning.first_levels]
    if view_extent is not None:
        seen = _seen(grid, view_extent)
        low, high = (grid.level_for(seen * s, tuning.object_share) for s in VIEW_SHARES)
        levels = [min(max(level, low), high) for level in levels]
    return sorted({max(level, finest) for level in levels})


def size_prior(
    grid: Grid, extent: float, view_extent: float | None, sigmas: float
) -> float:
    """Rate the size of an object by how usual it is to click on such in a view.

    A log-normal density over the share of the view, 1 at its mode: the geometric mean
    of the two `VIEW_SHARES`, which lie `sigmas` from it.

    Parameters
    ----------
    grid : Grid
        Of the plane.
    extent : float
        Longer side of the object, plane pixels.
    view_extent : float or None
        Longer side of what the user sees, plane pixels; None: all sizes are 1.
    sigmas : float
        `Tuning.view_sigmas`: standard deviations from the mode to either share.
    """
    if view_extent is None or not extent:
        return 1.0
    low, high = (math.log(share) for share in VIEW_SHARES)
    sigma = (high - low) / 2 / sigmas
    off = math.log(extent / _seen(grid, view_extent)) - (low + high) / 2
    return math.exp(-((off / sigma) ** 2) / 2)


def _seen(grid: Grid, view_extent: float) -> float:
    """Longer side of the part of the plane in view: it may be larger than the plane."""
    return min(view_extent, max(grid.plane_shape))


def tile_for(prompt: Prompt, grid: Grid, level: int) -> Tile:
    """Tile of a level whose centre is nearest to the middle of the prompt."""
    y0, x0, y1, x1 = prompt.focus
    return grid.nearest(level, ((y0 + y1) / 2, (x0 + x1) / 2))


def look_again(
    grid: Grid,
    prompts: Mapping[int, Prompt],
    answers: Mapping[int, list[Answer]],
    output: Output,
    which: int,
    tuning: Tuning,
    view_extent: float | None = None,
) -> dict[int, Tile]:
    """Tiles at the level that fits the size which the first looks found.

    See `Tuning.first_levels` for how they are rated.
    With a view, sizes that are rarely clicked on count less; see `size_prior`.

    None for prompts that were looked at on one level, or whose object was not found.
    """
    second = {}
    for i, found in answers.items():
        if len(found) < 2:
            continue
        extents = [extent_found(grid, prompts[i], a, output, which) for a in found]
        ratings = [
            a.scores[which]
            * a.stability(output, which)
            * extent**tuning.larger
            * size_prior(grid, extent, view_extent, tuning.view_sigmas)
            for a, extent in zip(found, extents, strict=True)
        ]
        extent = extents[int(np.argmax(ratings))]
        finest = min(a.tile.address.level for a in found if a.tile.address)
        if extent:
            level = max(grid.level_for(extent, tuning.object_share), finest)
            second[i] = tile_for(prompts[i], grid, level)
    return second


def extent_found(
    grid: Grid, prompt: Prompt, answer: Answer, output: Output, which: int
) -> float:
    """Longer side of the object in an answer, plane pixels; 0 if there is none."""
    field = Field.of(grid, answer.tile, answer.logits(output, which))
    rect = field.rect(answer.tile)
    part = pointed_at(field.read(rect) > 0, prompt, rect[:2], field.pitch)
    return max(shape_of(tight_box(part))) * field.pitch
