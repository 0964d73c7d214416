"""Objects through a stack, from a few prompted slices to the whole volume.

Each slice is prompted by its neighbour's masks, all objects of a slice together.
Knows segmenters, prompts and masks; must not know label files, command lines or
napari. See the design, "Through a stack". Imported on first use: rules and checks
of what is asked for need no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
