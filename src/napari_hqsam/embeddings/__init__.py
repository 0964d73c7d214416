"""Embeddings of tiles: encoded once, cached in memory and on disk.

Knows tiles, models and pixels; must not know prompts, labels or napari. Imported on
first use: `folder` needs no torch, so that listing the stores is instant.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
