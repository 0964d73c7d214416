"""Tiles: parts of a plane that the network sees, at a scale.

Pure geometry between plane pixels and network pixels. Knows neither pixel
values, files nor networks, and imports no torch.
"""

from napari_hqsam.tiling.grid import FINEST, Grid
from napari_hqsam.tiling.tile import Address, Tile, fit_plane

__all__ = ["FINEST", "Address", "Grid", "Tile", "fit_plane"]
