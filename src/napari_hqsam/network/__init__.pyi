from .encoders import ENCODERS, ImageEncoder
from .hqsam import (
    HQ_MODULES,
    HQSAM,
    INSTANCE,
    VARIANTS,
    TileFeatures,
    build_network,
    check_keys,
    combine,
    expected_shapes,
    find_instance_decoder,
    find_variant,
    has_hq,
)
from .instance_decoder import InstanceDecoder
from .mask_decoder import Decoded
from .outputs import OUTPUTS, Output
from .prompt_encoder import PromptTokens, pack_tokens
from .transforms import network_input, resize_rgb8, upsample_logits

__all__ = [
    "ENCODERS",
    "HQSAM",
    "HQ_MODULES",
    "INSTANCE",
    "OUTPUTS",
    "VARIANTS",
    "Decoded",
    "ImageEncoder",
    "InstanceDecoder",
    "Output",
    "PromptTokens",
    "TileFeatures",
    "build_network",
    "check_keys",
    "combine",
    "expected_shapes",
    "find_instance_decoder",
    "find_variant",
    "has_hq",
    "network_input",
    "pack_tokens",
    "resize_rgb8",
    "upsample_logits",
]
