from .plan import Direction, plan_propagation, spacing_of
from .prompt_transfer import PromptTransfer
from .redo import affected_range, range_to_propagate, redone_slices
from .result import Confidence, SliceMask, StackObject, StackSlice
from .rules import StopRules
from .run import collect, iter_propagate, propagate, revise

__all__ = [
    "Confidence",
    "Direction",
    "PromptTransfer",
    "SliceMask",
    "StackObject",
    "StackSlice",
    "StopRules",
    "affected_range",
    "collect",
    "iter_propagate",
    "plan_propagation",
    "propagate",
    "range_to_propagate",
    "redone_slices",
    "revise",
    "spacing_of",
]
