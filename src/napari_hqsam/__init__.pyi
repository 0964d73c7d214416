from .errors import HqsamError, HqsamWarning
from .evaluation.evaluate import evaluate
from .images import Image, open_image
from .jobs import (
    batch_file,
    embed_file,
    evaluate_folders,
    parse_planes,
    plan_batch,
    propagate_file,
    refine_file,
    replay_file,
    run_batch,
    segment_file,
    similar_file,
)
from .labels import paint, read_labels, write_fiji_rois, write_labels
from .masks import Linker, Mask, tracks_of
from .models import Model, list_models, load_model
from .prompts import Prompt, read_prompts
from .segmentation import Example, RefineRules, Segmenter, StopRules

__version__: str

__all__ = [
    "Example",
    "HqsamError",
    "HqsamWarning",
    "Image",
    "Linker",
    "Mask",
    "Model",
    "Prompt",
    "RefineRules",
    "Segmenter",
    "StopRules",
    "__version__",
    "batch_file",
    "embed_file",
    "evaluate",
    "evaluate_folders",
    "list_models",
    "load_model",
    "open_image",
    "paint",
    "parse_planes",
    "plan_batch",
    "propagate_file",
    "read_labels",
    "read_prompts",
    "refine_file",
    "replay_file",
    "run_batch",
    "segment_file",
    "similar_file",
    "tracks_of",
    "write_fiji_rois",
    "write_labels",
]
