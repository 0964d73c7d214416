from .cache import (
    cache_folder,
    checkpoint_path,
    fetch,
    is_cached,
    models_folder,
    verify,
)
from .checkpoint import read_instance_decoder, read_state_dict
from .device import Placement, choose_device
from .load import Model, encoder_digest, load_model
from .registry import Checkpoint, find_checkpoint, list_models
from .report import doctor_report
from .tuning import InstanceTuning, Tuning

__all__ = [
    "Checkpoint",
    "InstanceTuning",
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
