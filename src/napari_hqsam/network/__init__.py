"""HQ-SAM as torch modules. Knows nothing of images, files or napari.

Modules are imported on first use, so that the names of the outputs need no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
