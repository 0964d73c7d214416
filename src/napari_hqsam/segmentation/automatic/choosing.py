"""At which level to look for objects that nobody has pointed at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.automatic.lattice import sample_points
from napari_hqsam.tiling import FINEST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_hqsam.geometry import Box
    from napari_hqsam.segmentation.plane.decoding import PlaneDecoder, TilePrediction
    from napari_hqsam.tiling import Tile

COARSEST = 3
"""Coarsest level tried: beyond, a look would read too much of a large plane."""
SAMPLE = 7
"""Points along the side of a tile that is sampled."""
BEST = 0.1
"""Share of the points that speaks for a level: those that fell on objects."""


def choose_level(
    decoder: PlaneDecoder,
    region: Box,
    typical_size: float | None = None,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Choose the level that fits the objects of a plane; see `rate_levels`."""
    return best_level(rate_levels(decoder, region, typical_size, check))


def best_level(rated: Mapping[int, float]) -> int:
    """Take the level rated highest, of equals the coarser: it costs a quarter."""
    return max(rated, key=lambda level: (round(rated[level], 2), level))


def rate_levels(
    decoder: PlaneDecoder,
    region: Box,
    typical_size: float | None = None,
    check: Callable[[], None] = lambda: None,
) -> dict[int, float]:
    """Rate levels by a sample of clicks, unless the size of the objects is known.

    From the coarsest level on, a tile is clicked at a few points, at each finer
    level the one round the best answer of the level before.

    Parameters
    ----------
    decoder : PlaneDecoder
        Of the plane.
    region : (y0, x0, y1, x1)
        Where the objects are, plane pixels.
    typical_size : float, optional
        Longer side of an object, plane pixels: its level is all there is then.
    check : callable
        Called before each level; an exception that it raises ends the work.

    Returns
    -------
    dict of int to float
        Mean quality (see `Rules`) of the best answers of each level.
    """
    grid = decoder.grid
    if typical_size is not None:
        share = decoder.model.tuning.automatic_share
        return {grid.level_for(typical_size, share): 1.0}
    y0, x0, y1, x1 = region
    place = (y0 + y1 - 1) / 2, (x0 + x1 - 1) / 2
    rated: dict[int, float] = {}
    for level in range(min(grid.coarsest, COARSEST), FINEST - 1, -1):
        check()
        tile = grid.nearest(level, place)
        points = sample_points(tile, grid, SAMPLE)
        answers = decoder.decode([Prompt([p]) for p in points], tile, hq=False)
        rates = np.array([_rate(answer, tile) for answer in answers])
        best = np.sort(rates)[-max(1, round(BEST * len(rates))) :]
        rated[level] = float(best.mean())
        if rates.max() > 0:
            place = points[int(rates.argmax())]
    return rated


def _rate(answer: TilePrediction, tile: Tile) -> float:
    """Quality of SAM's single mask; see `Rules`."""
    h, w = (-(-side // 4) for side in tile.resized_shape)
    logits = answer.sam[0, :h, :w]
    outer = int((logits > -1).sum())
    if not outer or int((logits > 0).sum()) > h * w / 2:
        return 0.0
    stability = int((logits > 1).sum()) / outer
    return float(max(answer.scores[0], 0.0) * stability**0.5)
