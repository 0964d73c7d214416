"""Tiles as the decoder needs them: encoded once, kept in memory.

Knows tiles, models and pixels; must not know prompts, labels or napari.
"""

from napari_hqsam.embeddings.encoding import encode_tile
from napari_hqsam.embeddings.memory import TileCache, tile_bytes

__all__ = ["TileCache", "encode_tile", "tile_bytes"]
