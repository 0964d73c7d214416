"""Batches: many planes of one image, planned, run, and resumed where they broke off.

Knows segmenters and label files; must not know the command line or napari. A batch
holds one plane's masks at a time; what it has done is in its ledger, on the disk.
Imported on first use: what checks files before the work needs neither torch nor zarr.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
