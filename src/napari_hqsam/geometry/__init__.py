"""Where things are: boxes, axes, and the space that an image lies in.

Pure: sees numbers and letters, never pixels, files or napari.
"""

from napari_hqsam.geometry.boxes import Box, FloatBox, Point

__all__ = ["Box", "FloatBox", "Point"]
