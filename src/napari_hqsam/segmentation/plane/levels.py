"""Choose the level and the tile on which a prompt is decoded.

Numbers that depend on the weights, such as how large an object should be on a tile,
belong to the model: see `models.Tuning`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_hqsam.models import Tuning
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.tiling import Grid, Tile

VIEW_FRACTIONS = 1 / 40, 1 / 2
"""Usual sizes of clicked objects, as fractions of the view's longer side."""


def levels_to_try(
    prompt: Prompt,
    grid: Grid,
    tuning: Tuning,
    typical_size: float | None = None,
    view_extent: float | None = None,
) -> list[int]:
    """Return the levels at which a prompt is decoded first, the finest first.

    One level if the size of the object is known: that of its box or mask, of the
    previous prediction, or of the objects accepted so far. For clicks alone the
    model's first levels, limited to those at which the positive clicks fit in a tile
    and objects of a usual size for the user's view are well resolved.

    Parameters
    ----------
    prompt : Prompt
        Plane coordinates.
    grid : Grid
        Tile grid of the plane.
    tuning : Tuning
        Settings of the model.
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
        low, high = (
            grid.level_for(seen * part, tuning.object_share) for part in VIEW_FRACTIONS
        )
        levels = [min(max(level, low), high) for level in levels]
    return sorted({max(level, finest) for level in levels})


def is_searched(
    prompt: Prompt, tuning: Tuning, typical_size: float | None = None
) -> bool:
    """Whether the best level is searched for, as the size of the object is unknown.

    Parameters as for `levels_to_try`. Not with a model that has one first level.
    """
    found = None if prompt.logits is None else prompt.logits.box
    sizes = prompt.box, prompt.mask, found, typical_size
    return len(tuning.first_levels) > 1 and all(size is None for size in sizes)


def size_prior(
    grid: Grid, extent: float, view_extent: float | None, sigmas: float
) -> float:
    """Return a prior, 0..1, for the size of a clicked object given the view.

    A Gaussian in the logarithm of the size as a fraction of the view, 1 at its mode:
    the geometric mean of the two `VIEW_FRACTIONS`, which lie `sigmas` from it.

    Parameters
    ----------
    grid : Grid
        Tile grid of the plane.
    extent : float
        Longer side of the object, plane pixels.
    view_extent : float or None
        Longer side of what the user sees, plane pixels; None: no preference.
    sigmas : float
        `Tuning.view_sigmas`: standard deviations from the mode to either fraction.
    """
    if view_extent is None or not extent:
        return 1.0
    low, high = (math.log(part) for part in VIEW_FRACTIONS)
    sigma = (high - low) / 2 / sigmas
    off = math.log(extent / _seen(grid, view_extent)) - (low + high) / 2
    return math.exp(-((off / sigma) ** 2) / 2)


def _seen(grid: Grid, view_extent: float) -> float:
    """Return the longer side of the view, at most that of the plane."""
    return min(view_extent, max(grid.plane_shape))


def tile_for(prompt: Prompt, grid: Grid, level: int) -> Tile:
    """Return the tile of a level whose centre is nearest to the prompt's."""
    y0, x0, y1, x1 = prompt.focus
    return grid.nearest(level, ((y0 + y1) / 2, (x0 + x1) / 2))
