"""Segment objects: from prompts, through stacks, and automatically.

Knows images, tiles, models and prompts; must not know label files or napari.
Imported on first use; the options need no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
