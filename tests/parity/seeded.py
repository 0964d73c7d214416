"""Seeded weights and inputs that are the same bits on every machine.

Golden values are only worth something if the network that made them can be had
again. No checkpoint is shipped for that: every tensor is drawn from a generator
seeded by its own key, from raw generator bits (the one stream numpy promises
never to change), with exactly rounded float32 steps. Torch's generators, libm
and the order of the keys have no say in it.
"""

from __future__ import annotations

import math
import re
import zlib
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

# First match wins: (pattern on the key, low, high) of a uniform distribution.
# All the things a trained network has and a fresh one lacks are non-zero here:
# relative positions, attention biases, running statistics, biases.
_FIXED = (
    (r"\.running_var$", 0.6, 1.4),
    (r"\.running_mean$", -0.2, 0.2),
    (r"\.attention_biases$", -1.5, 1.5),
    (r"\.rel_pos_[hw]$", -0.2, 0.2),
    (r"\.pos_embed$", -0.7, 0.7),
    (r"\.positional_encoding_gaussian_matrix$", -1.7, 1.7),
    (r"_(token|tokens|embed)\.weight$|\.point_embeddings\.\d\.weight$", -1.0, 1.0),
    (r"\.bias$", -0.1, 0.1),
)
# Gains of matrices and kernels, std = gain / sqrt(fan in). ViT's layers that end a
# residual branch are small, so that 32 blocks stay of order 1; TinyViT's stream
# passes a convolution in each block and must neither grow nor drown the branches.
_GAINS = (
    (r"^image_encoder\.blocks\..*\.(attn\.proj|mlp\.lin2)\.", 0.35),
    (r"^image_encoder\..*\.local_conv\.", 0.75),
    (r"^image_encoder\..*\.c\.weight$", 1.2),  # TinyViT's, before batch norms
    (r"\.(output_hypernetworks_mlps|iou_prediction_head)\.", 1.5),
    (r"", 1.0),
)
# (C_in, C_out, 2, 2) kernels with stride 2: each output has C_in inputs
_TRANSPOSED = re.compile(
    r"\.(output_upscaling|compress_vit_feat|embedding_encoder)\.[03]\.weight$"
)


def _bounds(key: str, shape: tuple[int, ...]) -> tuple[float, float]:
    for pattern, low, high in _FIXED:
        if re.search(pattern, key):
            return low, high
    if len(shape) == 1:  # the weight of a norm
        return 0.8, 1.2
    fan_in = shape[0] if _TRANSPOSED.search(key) else math.prod(shape[1:])
    gain = next(gain for pattern, gain in _GAINS if re.search(pattern, key))
    half = gain * math.sqrt(3 / fan_in)  # uniform on +-half: std half / sqrt(3)
    return -half, half


def uniform(name: str, count: int, seed: int = 0) -> np.ndarray:
    """``count`` float32 numbers in [0, 1), a function of name and seed alone."""
    bits = np.random.PCG64([seed, zlib.crc32(name.encode())])
    words = bits.random_raw(-(-count // 4)).astype("<u8", copy=False)
    # 16 bits each: exact in float32, fine enough, and half the time of 32
    values = words.view("<u2")[:count].astype(np.float32)
    values *= np.float32(2**-16)
    return values


def seeded_state_dict(
    shapes: Mapping[str, tuple[int, ...]], seed: int = 0
) -> dict[str, Tensor]:
    """Weights for the given keys and shapes, sane in magnitude.

    Activations stay of order 1 through all blocks and mask logits are of order
    1 to 10 with both signs. Float32, but for the batch norms' counters (int64
    zeros). A key's values do not depend on which other keys are there.
    """
    state = {}
    for key, shape in shapes.items():
        if key.endswith(".num_batches_tracked"):
            state[key] = torch.zeros(shape, dtype=torch.int64)
            continue
        low, high = (np.float32(v) for v in _bounds(key, shape))
        values = uniform(key, math.prod(shape), seed)
        values *= high - low
        values += low
        state[key] = torch.from_numpy(values.reshape(shape))
    return state
