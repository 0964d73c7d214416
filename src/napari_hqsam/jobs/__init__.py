"""Long work on image files, from opening the image to writing the labels.

`segment_file`, `auto_file`, `propagate_file`, `batch_file`, `replay_file` and
`embed_file` are what the commands of the same names do, each in one call; a batch is
planned, run plane by plane, and resumed from its ledger where it was interrupted. Knows
segmenters and label files; must not know the command line or napari: a `Reporter`
receives steps and progress. Imported on first use: the checks that come before any
work need neither torch nor zarr.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
