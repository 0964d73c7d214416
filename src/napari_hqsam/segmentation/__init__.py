"""From prompts to masks.

Knows images, tiles, models and prompts; must not know label files or napari.
The options need no torch; the rest is imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
