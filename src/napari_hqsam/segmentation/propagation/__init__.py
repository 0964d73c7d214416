"""Propagate objects through a stack, from a few prompted slices.

Each slice is prompted with its neighbour's masks, all objects of a slice in one
decoder batch. Knows segmenters, prompts and masks; must not know label files, command
lines or napari. Imported on first use: rules and plans need no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
