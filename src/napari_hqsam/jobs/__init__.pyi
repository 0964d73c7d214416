from .auto import auto_file
from .batch import batch_file
from .batch_result import Done
from .embed import Embedded, embed_file
from .evaluate import Evaluation, evaluate_folders
from .inputs import JobSetup
from .plan import Batch, Mode, plan_batch
from .planes import parse_planes
from .propagate import propagate_file
from .replay import Replayed, replay_file
from .reporter import Reporter
from .run import run_batch
from .segment import segment_file
from .tracks_file import write_tracks

__all__ = [
    "Batch",
    "Done",
    "Embedded",
    "Evaluation",
    "JobSetup",
    "Mode",
    "Replayed",
    "Reporter",
    "auto_file",
    "batch_file",
    "embed_file",
    "evaluate_folders",
    "parse_planes",
    "plan_batch",
    "propagate_file",
    "replay_file",
    "run_batch",
    "segment_file",
    "write_tracks",
]
