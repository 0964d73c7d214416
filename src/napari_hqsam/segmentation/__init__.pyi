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
from .refinement import RefinedObject, RefinedPlane, RefineRules, iter_refine, refine
from .segmenter import Segmenter

__all__ = [
    "Example",
    "Match",
    "RefineRules",
    "RefinedObject",
    "RefinedPlane",
    "Rules",
    "SegmentOptions",
    "Segmenter",
    "StackObject",
    "StackSlice",
    "StopRules",
    "affected_range",
    "iter_everything",
    "iter_propagate",
    "iter_refine",
    "iter_similar",
    "make_disjoint",
    "propagate",
    "refine",
    "revise",
]
