"""Click to segment large and 3D microscopy images with HQ-SAM.

Everything public is imported on first use: ``import napari_hqsam`` imports
neither torch nor napari nor Qt, so that napari starts no slower for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_hqsam.errors import HqsamError, HqsamWarning
    from napari_hqsam.evaluation.evaluate import evaluate
    from napari_hqsam.images import Image, open_image
    from napari_hqsam.labels import paint, read_labels, write_labels
    from napari_hqsam.models import Model, list_models, load_model
    from napari_hqsam.prompts import Prompt, read_prompts
    from napari_hqsam.segmentation import Mask, Segmenter

__version__ = "0.1.0"

_ROOMS = {
    "HqsamError": "errors",
    "HqsamWarning": "errors",
    "Image": "images",
    "Mask": "segmentation",
    "Model": "models",
    "Prompt": "prompts",
    "Segmenter": "segmentation",
    "evaluate": "evaluation.evaluate",
    "list_models": "models",
    "load_model": "models",
    "open_image": "images",
    "paint": "labels",
    "read_labels": "labels",
    "read_prompts": "prompts",
    "write_labels": "labels",
}

__all__ = [
    "HqsamError",
    "HqsamWarning",
    "Image",
    "Mask",
    "Model",
    "Prompt",
    "Segmenter",
    "__version__",
    "evaluate",
    "list_models",
    "load_model",
    "open_image",
    "paint",
    "read_labels",
    "read_prompts",
    "write_labels",
]


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
