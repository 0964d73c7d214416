"""The mouse on the canvas: tools as napari's modes, clicks, 3D display."""
