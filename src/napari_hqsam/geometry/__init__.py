"""Where things are: boxes, axes, and the space that an image lies in.

Pure: sees numbers and letters, never pixels, files or napari.
"""

from napari_hqsam.geometry.boxes import Box, FloatBox, Point
from napari_hqsam.geometry.planes import PlaneIndex

__all__ = ["Box", "FloatBox", "PlaneIndex", "Point"]
