"""All objects of a plane without prompts: what a proposer points at, segmented.

Every proposed point is looked at cheaply (SAM's masks at low resolution); what rates
well, and is no second sight of the same object, is segmented as if it had been
prompted.
Must not know label files or napari.
"""

from napari_hqsam.segmentation.automatic.choosing import best_level, rate_levels
from napari_hqsam.segmentation.automatic.everything import iter_everything
from napari_hqsam.segmentation.automatic.finds import Rules, quality
from napari_hqsam.segmentation.automatic.overlaps import make_disjoint

__all__ = [
    "Rules",
    "best_level",
    "iter_everything",
    "make_disjoint",
    "quality",
    "rate_levels",
]
