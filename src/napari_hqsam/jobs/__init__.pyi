from .auto import auto_file
from .batch import batch_file
from .batches.plan import Batch, Mode, plan_batch
from .batches.result import BatchResult
from .batches.run import run_batch
from .embed import EmbedResult, embed_file
from .evaluate import Evaluation, evaluate_folders
from .files.tracks_file import write_tracks
from .inputs import JobSetup
from .planes import parse_planes
from .propagate import propagate_file
from .replay import ReplayResult, replay_file
from .reporter import Reporter
from .segment import segment_file

__all__ = [
    "Batch",
    "BatchResult",
    "EmbedResult",
    "Evaluation",
    "JobSetup",
    "Mode",
    "ReplayResult",
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
