"""All objects of a plane without prompts: what a proposer points at, segmented.

Every proposal is looked at cheaply (SAM's masks at low resolution, or the mask that
the proposer made); what rates well, and is no second sight of the same object, is
segmented as if it had been prompted. Levels, tiles, suppression of repeats and the
saving of cost are shared by all proposers (`proposers.PROPOSERS`).
Must not know label files or napari.
"""

from napari_hqsam.segmentation.automatic.choosing import best_level, rate_levels
from napari_hqsam.segmentation.automatic.everything import iter_everything
from napari_hqsam.segmentation.automatic.finds import Rules, quality
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
