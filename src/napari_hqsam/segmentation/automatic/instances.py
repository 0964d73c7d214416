"""Proposals of an instance decoder: one point per object that it sees.

From its maps (foreground, distance to the centre, distance to the boundary) to
seeds and prompts: "automatic prompt generation" (APG) of Archit & Pape, "Revisiting
foundation models for cell instance segmentation" (MIDL 2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.automatic.proposing import owns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.segmentation.plane.decoding import PlaneDecoder
    from napari_hqsam.tiling import Tile

Thresholds = tuple[float, float, float]
"""Of the three maps; see `Tuning.instance_thresholds`."""


def find_seeds(maps: NDArray[np.float32], thresholds: Thresholds) -> NDArray[np.int32]:
    """Label the inner parts of objects, which do not touch one another.

    Parameters
    ----------
    maps : (3, h, w) float32 array
        Foreground, distance to the centre and to the boundary, in 0..1; see
        `network.InstanceDecoder`.
    thresholds : (float, float, float)
        Least foreground, largest distances.

    Returns
    -------
    (h, w) int32 array
        4-connected components of the foreground where both distances are small.
    """
    foreground, centre, boundary = maps
    least, *most = thresholds
    inner = (foreground >= least) & (centre < most[0]) & (boundary < most[1])
    seeds, _ = ndimage.label(inner, output=np.int32)
    return np.asarray(seeds)


def innermost_points(labels: NDArray[np.int32]) -> NDArray[np.intp]:
    """Find the pixel of each object that is farthest from its boundary.

    Parameters
    ----------
    labels : (h, w) int array
        Ids 1..n that do not touch one another; the border is no boundary.

    Returns
    -------
    (n, 2) int array
        (row, column), in the order of the ids.
    """
    count = int(labels.max(initial=0))
    if not count:
        return np.zeros((0, 2), np.intp)
    depth = ndimage.distance_transform_edt(np.pad(labels > 0, 1, mode="edge"))
    places = ndimage.maximum_position(depth[1:-1, 1:-1], labels, range(1, count + 1))
    return np.array(places, np.intp).reshape(-1, 2)


class InstanceProposer:
    """One prompt per object that the model's instance decoder sees; a `Proposer`.

    Parameters
    ----------
    decoder : PlaneDecoder
        Of the plane, with a model that has an instance decoder.
    region : (y0, x0, y1, x1)
        Plane pixels, half-open: points within.
    thresholds : (float, float, float)
        See `find_seeds`.
    """

    def __init__(
        self, decoder: PlaneDecoder, region: Box, thresholds: Thresholds
    ) -> None:
        self._decoder, self._region, self._thresholds = decoder, region, thresholds

    def propose(self, tile: Tile) -> list[list[Prompt]]:
        """Give the point of each object whose point the tile owns."""
        maps = self._decoder.instance_maps(tile)
        assert maps is not None
        y0, x0, y1, x1 = self._region
        prompts = []
        for place in innermost_points(find_seeds(maps, self._thresholds)):
            y, x = (
                float(start + (i + 0.5) * tile.decoded_pitch - 0.5)
                for start, i in zip((tile.y0, tile.x0), place, strict=True)
            )
            inside = y0 <= y + 0.5 < y1 and x0 <= x + 0.5 < x1
            if inside and owns(self._decoder.grid, tile, (y, x)):
                prompts.append(Prompt([(y, x)]))
        return [prompts]
