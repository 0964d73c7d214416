"""Batches: many planes of one image, planned, run, and resumed where they broke off.

Knows segmenters and label files; must not know the command line or napari. A batch
holds one plane's masks at a time; what it has done is in its ledger, on the disk.
"""

from napari_hqsam.jobs.plan import Batch, Mode, plan_batch
from napari_hqsam.jobs.planes import parse_planes
from napari_hqsam.jobs.run import Done, run_batch
from napari_hqsam.jobs.tracks_file import write_tracks

__all__ = [
    "Batch",
    "Done",
    "Mode",
    "parse_planes",
    "plan_batch",
    "run_batch",
    "write_tracks",
]
