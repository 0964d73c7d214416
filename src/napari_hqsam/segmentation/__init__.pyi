from .automatic import Rules, iter_everything, make_disjoint
from .options import SegmentOptions
from .propagation import (
    StackObject,
    StackSlice,
    StopRules,
    affected_range,
    iter_propagate,
    propagate,
    revise,
)
from .segmenter import Segmenter

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
