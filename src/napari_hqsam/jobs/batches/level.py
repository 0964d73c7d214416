"""Choose the level at which a batch without prompts segments all its planes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.segmentation.automatic import (
    best_level,
    find_proposer,
    rate_levels,
)
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder

if TYPE_CHECKING:
    from napari_hqsam.jobs.batches.plan import Batch
    from napari_hqsam.segmentation import Segmenter


def choose_level(segmenter: Segmenter, batch: Batch) -> int:
    """Choose the level on the middle plane, or on another with better masks.

    Parameters
    ----------
    segmenter : Segmenter
        Segments planes of the image.
    batch : Batch
        Whose level is taken if it is a number.
    """
    grid = segmenter.grid
    options = batch.options
    if isinstance(options.level, int):
        return grid.clip(options.level)
    kind = find_proposer(batch.proposer, segmenter.model)
    planes = batch.planes
    rated: dict[int, float] = {}
    for share in (1 / 2, 1 / 4, 3 / 4):
        index = planes[int(share * len(planes))]
        decoder = PlaneDecoder(segmenter.source, segmenter.model, grid, index)
        whole = (0, 0, *grid.plane_shape)
        rated = rate_levels(decoder, whole, kind.rate, options.typical_size)
        if max(rated.values()) >= kind.least_rating(segmenter.model):
            break
    return best_level(rated)
