"""Where things are: boxes, axes, and the space that an image lies in.

Sees numbers, letters and indices; must not know images, files, networks or napari.
"""

from napari_hqsam.geometry.affine import Affine
from napari_hqsam.geometry.boxes import Box, FloatBox, Point
from napari_hqsam.geometry.planes import Key, Plane, PlaneIndex
from napari_hqsam.geometry.space import Space
from napari_hqsam.geometry.stack import Reslice, StackAxis

__all__ = [
    "Affine",
    "Box",
    "FloatBox",
    "Key",
    "Plane",
    "PlaneIndex",
    "Point",
    "Reslice",
    "Space",
    "StackAxis",
]
