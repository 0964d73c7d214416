"""Choose the level for automatic segmentation: rate each on a few tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.automatic.grid_proposer import sample_points
from napari_hqsam.segmentation.automatic.instances import (
    LEAST_AREA,
    object_scores,
)
from napari_hqsam.segmentation.automatic.proposing import TileView
from napari_hqsam.segmentation.automatic.stitching import PITCH
from napari_hqsam.segmentation.automatic.watershed import find_seeds, grow_seeds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_hqsam.geometry import Box, Point
    from napari_hqsam.segmentation.plane.decoding import PlaneDecoder, TilePrediction
    from napari_hqsam.tiling import Tile

COARSEST, FINEST = 3, -2
"""Levels tried: coarser ones would read too much of a large plane, finer ones take too
many tiles."""
SAMPLE = 7
"""Points along the side of a tile that is sampled."""
BEST = 0.1
"""Fraction of the points, the best ones, whose mean quality rates a level."""
SPREAD = ((0.25, 0.25), (0.75, 0.75))
"""Places of further tiles that rate a level, as fractions of the region.

One tile often rated a wrong level best: on seven validation images of five kinds, the
mean AP at the level chosen was .233 with one tile and .269 with three; at each image's
best level it was .278."""
MARGIN = 0.01
"""Least advantage of a level over the next coarser one, which costs a quarter."""
AMBIGUITY = 0.3
"""Weight of the pixels that are neither foreground nor background; on validation
images of seven kinds .2 to .3 came within 3 to 5 % of each image's best level."""


class Rating(NamedTuple):
    """Quality of the objects found on a tile, to rate its level.

    Attributes
    ----------
    value : float
        0 where nothing was found, else up to 1.
    place : (y, x), optional
        Where most objects were found, plane pixels: finer levels are tried there.
    weight : float
        Weight of the value in the mean over tiles; 0 where nothing was found.
    """

    value: float
    place: Point | None = None
    weight: float = 0.0


def best_level(rated: Mapping[int, float]) -> int:
    """Return the coarsest level whose rating is within `MARGIN` of the highest."""
    least = max(rated.values()) - MARGIN
    return max(level for level, value in rated.items() if value >= least)


def rate_levels(
    decoder: PlaneDecoder,
    region: Box,
    rate: Callable[[TileView], Rating],
    typical_size: float | None = None,
    check: Callable[[], None] = lambda: None,
) -> dict[int, float]:
    """Rate levels on a few tiles each, or return the level of a known object size.

    From coarse to fine, each level is rated on the tile around the best place of
    the level before, and on those at `SPREAD`.

    Parameters
    ----------
    decoder : PlaneDecoder
        Decodes prompts on tiles of the plane.
    region : (y0, x0, y1, x1)
        Where the objects are, plane pixels.
    rate : callable
        Rates a tile.
    typical_size : float, optional
        Longer side of an object, plane pixels: then only its level is returned.
    check : callable
        Called before each level; an exception that it raises ends the work.

    Returns
    -------
    dict of int to float
        Rating of each level.
    """
    grid = decoder.grid
    if typical_size is not None:
        share = decoder.model.tuning.automatic_share
        return {grid.level_for(typical_size, share): 1.0}
    place, *spread = (
        tuple(
            start + share * (stop - 1 - start)
            for start, stop, share in zip(region[:2], region[2:], shares, strict=True)
        )
        for shares in ((0.5, 0.5), *SPREAD)
    )
    rated: dict[int, float] = {}
    coarsest = min(grid.coarsest, COARSEST)
    for level in range(coarsest, min(FINEST, coarsest) - 1, -1):
        # dict.fromkeys: a small plane has fewer tiles than places
        tiles = dict.fromkeys(grid.nearest(level, at) for at in (place, *spread))
        ratings = []
        for tile in tiles:
            check()
            ratings.append(rate(TileView(decoder, tile)))
        total = sum(each.weight for each in ratings)
        rated[level] = (
            sum(each.value * each.weight for each in ratings) / total if total else 0.0
        )
        place = max(ratings, key=lambda each: each.weight).place or place
    return rated


def rate_by_clicks(view: TileView) -> Rating:
    """Rate a tile by the mean quality (see `Rules`) of its best masks from clicks."""
    tile = view.tile
    points = sample_points(tile, view.decoder.grid, SAMPLE)
    answers = view.decoder.decode([Prompt([p]) for p in points], tile, hq=False)
    rates = np.array([_click_quality(answer, tile) for answer in answers])
    best = np.sort(rates)[-max(1, round(BEST * len(rates))) :]
    if not rates.max() > 0:
        return Rating(0.0)
    return Rating(float(best.mean()), points[int(rates.argmax())], 1.0)


def rate_by_maps(view: TileView) -> Rating:
    """Rate a tile by how well an instance decoder's maps fit the objects in them.

    The mean of `object_scores` over the pixels of objects, less the share of pixels
    (relative to the foreground) that are neither foreground nor background.
    """
    maps = view.instance_maps().astype(np.float32)
    tuning = view.decoder.model.tuning.ais
    labels = grow_seeds(find_seeds(maps, tuning), tuning, LEAST_AREA)
    areas = np.bincount(labels.ravel())[1:]
    if not areas.sum():
        return Rating(0.0)
    fit = float((object_scores(maps, labels) * areas).sum()) / int(areas.sum())
    foreground = maps[0]
    uncertain = np.count_nonzero((foreground > 0.2) & (foreground < 0.8))
    share = int(uncertain) / max(int(np.count_nonzero(foreground > 0.5)), 1)
    crowded = ndimage.uniform_filter(foreground, view.tile.size // (2 * PITCH))
    row, col = divmod(int(crowded.argmax()), crowded.shape[1])
    pitch = view.tile.decoded_pitch
    place = view.tile.y0 + row * pitch, view.tile.x0 + col * pitch
    return Rating(
        max(fit - AMBIGUITY * share, 1e-3),
        (float(place[0]), float(place[1])),
        float(areas.sum()),
    )


def _click_quality(answer: TilePrediction, tile: Tile) -> float:
    """Compute the quality of SAM's single mask; see `Rules`."""
    h, w = tile.decoded_shape
    logits = answer.sam[0, :h, :w]
    outer = int((logits > -1).sum())
    if not outer or int((logits > 0).sum()) > h * w / 2:
        return 0.0
    stability = int((logits > 1).sum()) / outer
    return float(max(answer.scores[0], 0.0) * stability**0.5)
