"""Proposals where a tile looks like the examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.automatic.proposing import Proposal, owns
from napari_hqsam.segmentation.exemplars.descriptors import CELL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, Point
    from napari_hqsam.segmentation.automatic.proposing import Proposer, TileView
    from napari_hqsam.segmentation.exemplars.examples import ExampleModel

POINT_SLACK = 0.2
"""How far below the least similarity of a match a single point of it may lie: one place
shows less of an object than the mean over it."""
SPACING = 0.4
"""Least distance of two points, in diameters of the examples' median disc."""


class SimilarProposer:
    """Points where the embedding is similar to that of the examples; a `Proposer`.

    With an instance decoder its points, as far as they lie where it is similar: it
    tells touching objects apart. Without, local maxima of the similarity, smoothed to
    the size of the examples. (On validation images both together found no more objects,
    and more that is none.)

    Parameters
    ----------
    model : ExampleModel
        What the objects look like.
    region : (y0, x0, y1, x1)
        Plane pixels, half-open: points within.
    seen : Proposer, optional
        Proposes what an instance decoder sees.
    """

    def __init__(
        self, model: ExampleModel, region: Box, seen: Proposer | None = None
    ) -> None:
        self._model, self._region, self._seen = model, region, seen

    def propose(self, view: TileView) -> Sequence[Sequence[Proposal]]:
        """Propose the points that the tile owns."""
        if view.is_flat:
            return []
        if self._seen is None:
            return [self._maxima(view)]
        coarse = self._model.similarity_map(view)
        least = self._model.least - POINT_SLACK
        return [
            [p for p in phase if _at(coarse, view, p.prompt.points[0]) >= least]
            for phase in self._seen.propose(view)
        ]

    def _maxima(self, view: TileView) -> list[Proposal]:
        """Propose local maxima of the similarity."""
        pitch = view.tile.decoded_pitch
        smooth = self._model.smooth_similarity(view)
        size = max(3, 2 * round(2 * self._model.radius / pitch * SPACING) + 1)
        peaks = smooth >= ndimage.maximum_filter(smooth, size)
        peaks &= smooth >= self._model.least_peak
        y0, x0, y1, x1 = self._region
        found = []
        # a plateau is one maximum
        pieces, count = ndimage.label(peaks, np.ones((3, 3)))
        for row, column in ndimage.center_of_mass(peaks, pieces, range(1, count + 1)):
            y = float((row + 0.5) * pitch + view.tile.y0 - 0.5)
            x = float((column + 0.5) * pitch + view.tile.x0 - 0.5)
            inside = y0 <= y + 0.5 < y1 and x0 <= x + 0.5 < x1
            if inside and owns(view.decoder.grid, view.tile, (y, x)):
                score = float(smooth[round(row), round(column)])
                found.append(Proposal(Prompt([(y, x)]), score))
        return sorted(found, key=lambda each: -each.score)


def _at(coarse: NDArray[np.float32], view: TileView, point: Point) -> float:
    """Return the similarity at a point of the plane, interpolated."""
    cell = CELL * view.tile.decoded_pitch
    place = [
        [(p + 0.5 - start) / cell - 0.5]
        for p, start in zip(point, (view.tile.y0, view.tile.x0), strict=True)
    ]
    return float(ndimage.map_coordinates(coarse, place, order=1, mode="nearest")[0])
