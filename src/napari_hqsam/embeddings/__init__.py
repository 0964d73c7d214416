"""Tiles as the decoder needs them: encoded once, kept in memory and on disk.

Knows tiles, models and pixels; must not know prompts, labels or napari. What
only looks at the folder of stores (`folder`) needs no torch, so that listing
them is instant; the rest is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.embeddings.folder import (
    StoreFolder,
    StoreSummary,
    embeddings_folder,
    summarize,
)
from napari_hqsam.lazy import on_first_use

if TYPE_CHECKING:
    from napari_hqsam.embeddings.encoding import (
        Embedding,
        decode_ready,
        encode_pixels,
        encode_tile,
    )
    from napari_hqsam.embeddings.memory import TileCache, tile_bytes
    from napari_hqsam.embeddings.prefetch import Prefetcher
    from napari_hqsam.embeddings.source import TileSource
    from napari_hqsam.embeddings.store import EmbeddingStore, StoreKey

__all__ = [
    "Embedding",
    "EmbeddingStore",
    "Prefetcher",
    "StoreFolder",
    "StoreKey",
    "StoreSummary",
    "TileCache",
    "TileSource",
    "decode_ready",
    "embeddings_folder",
    "encode_pixels",
    "encode_tile",
    "summarize",
    "tile_bytes",
]

_NEED_TORCH = {
    "Embedding": "encoding",
    "EmbeddingStore": "store",
    "Prefetcher": "prefetch",
    "StoreKey": "store",
    "TileCache": "memory",
    "TileSource": "source",
    "decode_ready": "encoding",
    "encode_pixels": "encoding",
    "encode_tile": "encoding",
    "tile_bytes": "memory",
}

__getattr__ = on_first_use(__name__, _NEED_TORCH)
