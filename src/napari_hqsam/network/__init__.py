"""HQ-SAM as torch modules. Knows nothing of images, files or napari.

Modules are imported on first use, so that the names of the outputs need no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.lazy import on_first_use
from napari_hqsam.network.outputs import OUTPUTS, Output

if TYPE_CHECKING:
    from napari_hqsam.network.encoders import ENCODERS, ImageEncoder
    from napari_hqsam.network.hqsam import (
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

_NEED_TORCH = {
    "Decoded": "mask_decoder",
    "ENCODERS": "encoders",
    "HQSAM": "hqsam",
    "HQ_MODULES": "hqsam",
    "INSTANCE": "hqsam",
    "ImageEncoder": "encoders",
    "InstanceDecoder": "instance_decoder",
    "PromptTokens": "prompt_encoder",
    "TileFeatures": "hqsam",
    "VARIANTS": "hqsam",
    "build_network": "hqsam",
    "check_keys": "hqsam",
    "combine": "hqsam",
    "expected_shapes": "hqsam",
    "find_instance_decoder": "hqsam",
    "find_variant": "hqsam",
    "has_hq": "hqsam",
    "network_input": "transforms",
    "pack_tokens": "prompt_encoder",
    "resize_rgb8": "transforms",
    "upsample_logits": "transforms",
}

__getattr__ = on_first_use(__name__, _NEED_TORCH)
