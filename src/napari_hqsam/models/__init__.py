"""Which models there are, their files, and loading them onto a device.

Finding and fetching files needs no torch, so that listing models is instant;
what needs it is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.lazy import on_first_use
from napari_hqsam.models.cache import (
    cache_folder,
    checkpoint_path,
    fetch,
    is_cached,
    models_folder,
    verify,
)
from napari_hqsam.models.registry import Checkpoint, find_checkpoint, list_models
from napari_hqsam.models.tuning import Tuning

if TYPE_CHECKING:
    from napari_hqsam.models.checkpoint import (
        read_instance_decoder,
        read_state_dict,
    )
    from napari_hqsam.models.device import Placement, choose_device
    from napari_hqsam.models.load import Model, encoder_digest, load_model
    from napari_hqsam.models.report import doctor_report

__all__ = [
    "Checkpoint",
    "Model",
    "Placement",
    "Tuning",
    "cache_folder",
    "checkpoint_path",
    "choose_device",
    "doctor_report",
    "encoder_digest",
    "fetch",
    "find_checkpoint",
    "is_cached",
    "list_models",
    "load_model",
    "models_folder",
    "read_instance_decoder",
    "read_state_dict",
    "verify",
]

_NEED_TORCH = {
    "Model": "load",
    "Placement": "device",
    "choose_device": "device",
    "doctor_report": "report",
    "encoder_digest": "load",
    "load_model": "load",
    "read_instance_decoder": "checkpoint",
    "read_state_dict": "checkpoint",
}

__getattr__ = on_first_use(__name__, _NEED_TORCH)
