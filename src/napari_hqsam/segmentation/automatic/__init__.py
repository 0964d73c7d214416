"""Automatic segmentation of all objects of a plane, from a proposer's prompts.

Every proposal is decoded at low cost (SAM's masks at low resolution, or the mask that
the proposer made); masks of high quality that survive non-maximum suppression are
then segmented in full, as if prompted. Levels, tiles, suppression of duplicates and
the low-cost decoding are shared by all proposers (`proposers.PROPOSERS`).
Must not know label files or napari.
"""

from napari_hqsam.segmentation.automatic.detections import Rules, quality
from napari_hqsam.segmentation.automatic.everything import iter_everything
from napari_hqsam.segmentation.automatic.level_rating import best_level, rate_levels
from napari_hqsam.segmentation.automatic.overlaps import make_disjoint
from napari_hqsam.segmentation.automatic.proposers import (
    PROPOSERS,
    find_proposer,
)

__all__ = [
    "PROPOSERS",
    "Rules",
    "best_level",
    "find_proposer",
    "iter_everything",
    "make_disjoint",
    "quality",
    "rate_levels",
]
