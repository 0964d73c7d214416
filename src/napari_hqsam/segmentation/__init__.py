"""From prompts to masks.

Knows images, tiles, models and prompts; must not know label files or napari.
The options need no torch; the rest is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.lazy import on_first_use
from napari_hqsam.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from napari_hqsam.segmentation.automatic import (
        Rules,
        iter_everything,
        make_disjoint,
    )
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

_NEED_TORCH = {
    "Rules": "automatic",
    "Segmenter": "segmenter",
    "StackObject": "propagation",
    "StackSlice": "propagation",
    "StopRules": "propagation",
    "affected_range": "propagation",
    "iter_everything": "automatic",
    "iter_propagate": "propagation",
    "make_disjoint": "automatic",
    "propagate": "propagation",
    "revise": "propagation",
}

__getattr__ = on_first_use(__name__, _NEED_TORCH)
