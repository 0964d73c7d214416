from .hints import Hints
from .plan import (
    Direction,
    affected_range,
    check_walk,
    range_to_walk,
    redone_slices,
    spacing_of,
)
from .result import Confidence, SliceMask, StackObject, StackSlice
from .rules import StopRules
from .run import collect, iter_propagate, propagate, revise

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
