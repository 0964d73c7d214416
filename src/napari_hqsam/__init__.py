"""Click to segment large and 3D microscopy images with HQ-SAM.

Everything public is imported on first use: ``import napari_hqsam`` imports
neither torch nor napari nor Qt, so that napari starts no slower for it.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
