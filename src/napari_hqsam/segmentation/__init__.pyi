from .automatic import Rules, iter_everything, make_disjoint
from .exemplars import Example, Match, iter_similar
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
    "Example",
    "Match",
    "Rules",
    "SegmentOptions",
    "Segmenter",
    "StackObject",
    "StackSlice",
    "StopRules",
    "affected_range",
    "iter_everything",
    "iter_propagate",
    "iter_similar",
    "make_disjoint",
    "propagate",
    "revise",
]
