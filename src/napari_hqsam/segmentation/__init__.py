"""From prompts to masks.

Knows images, tiles, models and prompts; must not know label files or napari.
"""

from napari_hqsam.segmentation.automatic import Rules, iter_everything, make_disjoint
from napari_hqsam.segmentation.options import SegmentOptions
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

__all__ = [
    "Rules",
    "SegmentOptions",
    "Segmenter",
    "StackObject",
    "StackSlice",
    "StopRules",
    "affected_range",
    "iter_everything",
    "iter_propagate",
    "make_disjoint",
    "propagate",
    "revise",
]
