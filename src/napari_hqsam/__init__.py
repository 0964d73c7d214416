"""Click to segment large and 3D microscopy images with HQ-SAM.

Everything public is imported on first use: ``import napari_hqsam`` imports
neither torch nor napari nor Qt, so that napari starts no slower for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.lazy import on_first_use

if TYPE_CHECKING:
    from napari_hqsam.errors import HqsamError, HqsamWarning
    from napari_hqsam.evaluation.evaluate import evaluate
    from napari_hqsam.images import Image, open_image
    from napari_hqsam.jobs import parse_planes, plan_batch, run_batch
    from napari_hqsam.labels import paint, read_labels, write_labels
    from napari_hqsam.masks import Linker, Mask, tracks_of
    from napari_hqsam.models import Model, list_models, load_model
    from napari_hqsam.prompts import Prompt, read_prompts
    from napari_hqsam.segmentation import Segmenter, StopRules

__version__ = "0.1.0"

_ROOMS = {
    "HqsamError": "errors",
    "HqsamWarning": "errors",
    "Image": "images",
    "Linker": "masks",
    "Mask": "masks",
    "Model": "models",
    "Prompt": "prompts",
    "Segmenter": "segmentation",
    "StopRules": "segmentation",
    "evaluate": "evaluation.evaluate",
    "list_models": "models",
    "load_model": "models",
    "open_image": "images",
    "paint": "labels",
    "parse_planes": "jobs",
    "plan_batch": "jobs",
    "read_labels": "labels",
    "read_prompts": "prompts",
    "run_batch": "jobs",
    "tracks_of": "masks",
    "write_labels": "labels",
}

__all__ = [
    "HqsamError",
    "HqsamWarning",
    "Image",
    "Linker",
    "Mask",
    "Model",
    "Prompt",
    "Segmenter",
    "StopRules",
    "__version__",
    "evaluate",
    "list_models",
    "load_model",
    "open_image",
    "paint",
    "parse_planes",
    "plan_batch",
    "read_labels",
    "read_prompts",
    "run_batch",
    "tracks_of",
    "write_labels",
]

__getattr__ = on_first_use(__name__, _ROOMS)


def __dir__() -> list[str]:
    return sorted(__all__)
