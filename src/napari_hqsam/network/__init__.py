"""HQ-SAM as torch modules. Knows nothing of images, files or napari."""

from napari_hqsam.network.encoders import ENCODERS, ImageEncoder
from napari_hqsam.network.hqsam import (
    HQ_MODULES,
    HQSAM,
    INSTANCE,
    OUTPUTS,
    VARIANTS,
    Output,
    TileFeatures,
    build_network,
    check_keys,
    combine,
    expected_shapes,
    find_instance_decoder,
    find_variant,
    has_hq,
)
from napari_hqsam.network.instance_decoder import InstanceDecoder
from napari_hqsam.network.mask_decoder import Decoded
from napari_hqsam.network.prompt_encoder import (
    PromptTokens,
    pack_tokens,
)
from napari_hqsam.network.transforms import (
    network_input,
    resize_rgb8,
    upsample_logits,
)

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
