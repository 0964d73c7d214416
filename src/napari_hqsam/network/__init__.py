"""HQ-SAM as torch modules. Knows nothing of images, files or napari.

Submodules are imported on first use, so that the output names need no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
