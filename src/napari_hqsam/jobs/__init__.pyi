from .auto import auto_file
from .batch import batch_file
from .batches.plan import Batch, Mode, plan_batch
from .batches.result import BatchResult
from .batches.run import run_batch
from .blocks.file import blocks_file
from .description import Job, read_job, write_job
from .embed import EmbedResult, embed_file
from .evaluate import Evaluation, evaluate_folders
from .files.tracks_file import write_tracks
from .inputs import JobSetup
from .planes import parse_planes
from .propagate import propagate_file
from .refine import RefineResult, refine_file
from .replay import ReplayResult, replay_file
from .reporter import Reporter
from .runs.inputs import is_collection
from .runs.plan import JobPlan, plan_job
from .runs.run import JobResult, run_job
from .segment import segment_file
from .similar import similar_file

__all__ = [
    "Batch",
    "BatchResult",
    "EmbedResult",
    "Evaluation",
    "Job",
    "JobPlan",
    "JobResult",
    "JobSetup",
    "Mode",
    "RefineResult",
    "ReplayResult",
    "Reporter",
    "auto_file",
    "batch_file",
    "blocks_file",
    "embed_file",
    "evaluate_folders",
    "is_collection",
    "parse_planes",
    "plan_batch",
    "plan_job",
    "propagate_file",
    "read_job",
    "refine_file",
    "replay_file",
    "run_batch",
    "run_job",
    "segment_file",
    "similar_file",
    "write_job",
    "write_tracks",
]
