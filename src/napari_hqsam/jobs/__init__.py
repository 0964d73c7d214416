"""Long work on image files, from opening the image to writing the labels.

`segment_file`, `auto_file`, `propagate_file`, `refine_file`, `batch_file`,
`replay_file`, `embed_file` and `evaluate_folders` do in one call what the commands of
these names do. A batch is planned, run plane by plane, and resumed from its ledger
after an interruption. `run_job` does it for many images, as a `Job` describes, on an
executor. Knows segmenters and label files; must not know the command line or napari: a
`Reporter` receives steps and progress. Imported on first use: the checks before any
work need neither torch nor zarr.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
