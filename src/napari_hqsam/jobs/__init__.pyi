from .plan import Batch, Mode, plan_batch
from .planes import parse_planes
from .run import Done, run_batch
from .tracks_file import write_tracks

__all__ = [
    "Batch",
    "Done",
    "Mode",
    "parse_planes",
    "plan_batch",
    "run_batch",
    "write_tracks",
]
