"""From prompts to masks.

Knows images, tiles, models and prompts; must not know label files or napari.
"""

from napari_hqsam.segmentation.mask import Mask
from napari_hqsam.segmentation.segmenter import Segmenter

__all__ = ["Mask", "Segmenter"]
