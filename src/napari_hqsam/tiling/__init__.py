"""Tiling: which part of a plane the network sees, and at what scale.

Pure geometry between plane pixels and network pixels. Knows neither pixel
values, files nor networks, and imports no torch.
"""

from napari_hqsam.tiling.tile import Tile, fit_plane

__all__ = ["Tile", "fit_plane"]
