"""Tiles as the decoder needs them: encoded once, kept in memory and on disk.

Knows tiles, models and pixels; must not know prompts, labels or napari. What
only looks at the folder of stores (`folder`) needs no torch, so that listing
them is instant; the rest is imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
