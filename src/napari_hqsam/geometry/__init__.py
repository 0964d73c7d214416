"""Where things are: boxes, axes, and the space that an image lies in.

Pure: sees numbers and letters, never pixels, files or napari.
"""
