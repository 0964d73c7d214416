"""Weights to start from: what lets a small HQ-SAM leave the empty-mask plateau."""

from __future__ import annotations

import torch
from torch import nn

from napari_hqsam.network import HQSAM, build_network
from napari_hqsam.network.layers import LayerNorm2d
from napari_hqsam.network.transformer import Attention, TwoWayBlock

TIED_GAIN = 1.6
"""With q and k the same orthogonal map of this gain, q.k starts as the kernel of
the position code: tokens attend to where they are, before anything is learned."""


def initial_network(input_size: int, *, render_prompts: bool = True) -> HQSAM:
    """Make a TinyViT HQ-SAM with weights that train well from scratch."""
    network = build_network(
        "vit_tiny", input_size=input_size, render_prompts=render_prompts
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
    last = network.image_encoder.neck[3]
    assert isinstance(last, LayerNorm2d)
    nn.init.constant_(last.weight, 0.5)  # features no louder than the positions
    for stage in network.image_encoder.modules():
        if isinstance(stage, nn.BatchNorm2d):
            stage.momentum = 0.05
    return network


def _tie(attention: Attention) -> None:
    """Give q and k the same orthogonal projection."""
    nn.init.orthogonal_(attention.q_proj.weight, gain=TIED_GAIN)
    with torch.no_grad():
        attention.k_proj.weight.copy_(attention.q_proj.weight)
