"""Objects through a stack, from a few prompted slices to the whole volume.

Each slice is prompted by its neighbour's masks, all objects of a slice together.
Knows segmenters, prompts and masks; must not know label files, command lines or
napari. See the design, "Through a stack".
"""

from napari_hqsam.segmentation.propagation.hints import Hints
from napari_hqsam.segmentation.propagation.plan import (
    Direction,
    affected_range,
    check_walk,
    range_to_walk,
    redone_slices,
    spacing_of,
)
from napari_hqsam.segmentation.propagation.result import (
    Confidence,
    SliceMask,
    StackObject,
    StackSlice,
)
from napari_hqsam.segmentation.propagation.rules import StopRules
from napari_hqsam.segmentation.propagation.run import (
    collect,
    iter_propagate,
    propagate,
    revise,
)

__all__ = [
    "Confidence",
    "Direction",
    "Hints",
    "SliceMask",
    "StackObject",
    "StackSlice",
    "StopRules",
    "affected_range",
    "check_walk",
    "collect",
    "iter_propagate",
    "propagate",
    "range_to_walk",
    "redone_slices",
    "revise",
    "spacing_of",
]
