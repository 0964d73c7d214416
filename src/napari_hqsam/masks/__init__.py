"""Masks and operations on them: set algebra, cleaning, metrics, linking, tracks.

Knows arrays and boxes; must not know images, networks, prompts, files or napari. Names
are imported on first use: linking needs scipy.optimize, which takes 0.3 s.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
