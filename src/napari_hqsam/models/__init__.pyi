from .cache import (
    checkpoint_path,
    fetch,
    is_cached,
    known_digests,
    verify,
)
from .checkpoint import read_instance_decoder, read_state_dict
from .device import Placement, choose_device
from .folders import cache_folder, models_folder
from .load import Model, encoder_digest, load_model
from .record import Checkpoint, WeightsFile
from .registry import find_checkpoint, list_models
from .report import doctor_report
from .tuning import InstanceTuning, Tuning

__all__ = [
    "Checkpoint",
    "InstanceTuning",
    "Model",
    "Placement",
    "Tuning",
    "WeightsFile",
    "cache_folder",
    "checkpoint_path",
    "choose_device",
    "doctor_report",
    "encoder_digest",
    "fetch",
    "find_checkpoint",
    "is_cached",
    "known_digests",
    "list_models",
    "load_model",
    "models_folder",
    "read_instance_decoder",
    "read_state_dict",
    "verify",
]
