from .encoding import Embedding, decode_ready, encode_pixels, encode_tile
from .folder import StoreFolder, StoreSummary, embeddings_folder, summarize
from .memory import TileCache, tile_bytes
from .prefetch import Prefetcher
from .source import TileSource
from .store import EmbeddingStore, StoreKey

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
