"""From prompts to masks.

Knows images, tiles, models and prompts; must not know label files or napari.
"""

from napari_hqsam.segmentation.automatic import Rules, iter_everything, make_disjoint
from napari_hqsam.segmentation.linking import Linker, Links, Sight, link_planes
from napari_hqsam.segmentation.mask import Mask
from napari_hqsam.segmentation.propagation import (
    StackObject,
    StackSlice,
    StopRules,
    affected_range,
    iter_propagate,
    propagate,
    revise,
)
from napari_hqsam.segmentation.segmenter import Segmenter
from napari_hqsam.segmentation.tracks import Tracks, tracks_of

__all__ = [
    "Linker",
    "Links",
    "Mask",
    "Rules",
    "Segmenter",
    "Sight",
    "StackObject",
    "StackSlice",
    "StopRules",
    "Tracks",
    "affected_range",
    "iter_everything",
    "iter_propagate",
    "link_planes",
    "make_disjoint",
    "propagate",
    "revise",
    "tracks_of",
]
