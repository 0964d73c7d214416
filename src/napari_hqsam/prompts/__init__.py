"""Prompts: points, boxes and masks that describe one object.

Made by the caller, from drawn shapes, from label images, or from files. Knows neither
images, networks nor napari: coordinates are (y, x) floats in level-0 data pixels, pixel
centres at integers, and masks are crops.
"""

from napari_hqsam.prompts.files import read_prompts
from napari_hqsam.prompts.labels import from_labels
from napari_hqsam.prompts.prompt import Prompt
from napari_hqsam.prompts.shapes import SHAPE_KINDS, from_shape

__all__ = [
    "SHAPE_KINDS",
    "Prompt",
    "from_labels",
    "from_shape",
    "read_prompts",
]
