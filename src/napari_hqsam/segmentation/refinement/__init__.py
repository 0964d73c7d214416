"""Refine the objects of existing labels, from any program, by hand or from a threshold.

Each object prompts the network with its own shape; the new outline is taken where the
network and the edges in the image agree that it is better than the old one.
Must not know label files or napari.
"""

from napari_hqsam.segmentation.refinement.objects import (
    RefinedObject,
    RefinedPlane,
)
from napari_hqsam.segmentation.refinement.planes import iter_refine, refine
from napari_hqsam.segmentation.refinement.rules import RefineRules

__all__ = [
    "RefineRules",
    "RefinedObject",
    "RefinedPlane",
    "iter_refine",
    "refine",
]
