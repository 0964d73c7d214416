"""micro-sam's instance decoder, a UNETR on the image embedding.

Tensors in, tensors out. Gives the same three maps as `InstanceDecoder`, at the full
side of the tile. Key names are those of micro-sam's decoder files. Source: Archit et
al., "Segment Anything for Microscopy", Nature Methods 2025; torch-em 0.10,
``torch_em/model/unetr.py`` and ``unet.py``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping

EMBEDDING = 256
"""Channels of the image embedding."""
WIDTHS = (512, 256, 128, 64)
"""Channels at 2, 4, 8 and 16 times the embedding's side."""
MAPS = 3


class _ConvBlock(nn.Module):
    """Two 3 x 3 convolutions, each after an instance norm.

    The norms have no weights and no running statistics: they normalise by the image
    itself, in evaluation as well.
    """

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.InstanceNorm2d(ins),
            nn.Conv2d(ins, outs, 3, padding=1),
            nn.ReLU(),
            nn.InstanceNorm2d(outs),
            nn.Conv2d(outs, outs, 3, padding=1),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(x)
        return out


class _Bilinear(nn.Module):
    """Upsample by 2 by bilinear interpolation, then a 1 x 1 convolution."""

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(ins, outs, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        out: Tensor = self.conv(x)
        return out


class _Transposed(nn.Module):
    """Upsample by 2 by transposed convolution, as in files before June 2025."""

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.block = nn.ConvTranspose2d(ins, outs, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(x)
        return out


class _Convolution(nn.Module):
    """A 3 x 3 convolution, in a module of its own as in the files."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(x)
        return out


class _Deconvolution(nn.Module):
    """Upsampling by 2, convolution, batch norm, ReLU."""

    def __init__(self, ins: int, outs: int, up: type[_Bilinear | _Transposed]) -> None:
        super().__init__()
        self.block = nn.Sequential(
            up(ins, outs), _Convolution(outs), nn.BatchNorm2d(outs), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(x)
        return out


class _Decoder(nn.Module):
    """Decoder path of the U-Net, with skip connections at three resolutions."""

    def __init__(self, up: type[_Bilinear | _Transposed]) -> None:
        super().__init__()
        steps = list(pairwise(WIDTHS))
        self.samplers = nn.ModuleList(up(a, b) for a, b in steps)
        self.blocks = nn.ModuleList(_ConvBlock(a, b) for a, b in steps)

    def forward(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        for sampler, block, skip in zip(self.samplers, self.blocks, skips, strict=True):
            high = sampler(x)
            channels = high.shape[1]
            # Only the middle channels of the skip: the reference crops a larger skip
            # to the upsampled map along all axes from the channels on.
            first = (skip.shape[1] - channels) // 2
            x = block(torch.cat([high, skip[:, first : first + channels]], 1))
        return x


class UnetrDecoder(nn.Module):
    """Predict foreground and two distances from the image embedding alone.

    Parameters
    ----------
    transposed : bool
        Upsample by transposed convolutions; False: bilinear, as since June 2025.
    """

    def __init__(self, *, transposed: bool = False) -> None:
        super().__init__()
        up = _Transposed if transposed else _Bilinear
        for number, (ins, outs) in enumerate(pairwise((EMBEDDING, *WIDTHS)), 1):
            self.add_module(f"deconv{number}", _Deconvolution(ins, outs, up))
        self.base = _ConvBlock(EMBEDDING, WIDTHS[0])
        self.decoder = _Decoder(up)
        self.deconv_out = up(WIDTHS[-1], WIDTHS[-1])
        self.decoder_head = _ConvBlock(2 * WIDTHS[-1], WIDTHS[-1])
        self.out_conv = nn.Conv2d(WIDTHS[-1], MAPS, 1)

    def forward(self, features: Tensor, early: Tensor | None = None) -> Tensor:
        """Compute the maps of a tile.

        Parameters
        ----------
        features : Tensor
            (B, 256, g, g), padding included, as in the decoder's training: it
            changes the statistics of the instance norms.
        early : Tensor, optional
            Ignored; see `InstanceDecoder.forward`.

        Returns
        -------
        Tensor
            (B, 3, 16 g, 16 g) logits; see `InstanceDecoder.forward`.
        """
        skips, x = [], features
        for number in range(1, 5):
            x = self.get_submodule(f"deconv{number}")(x)
            skips.append(x)
        *skips, finest = skips
        y = self.deconv_out(self.decoder(self.base(features), skips))
        maps: Tensor = self.out_conv(self.decoder_head(torch.cat([y, finest], 1)))
        return maps


def is_transposed(keys: Mapping[str, object], prefix: str = "") -> bool:
    """Whether weights of a `UnetrDecoder` upsample by transposed convolution."""
    return f"{prefix}deconv_out.block.weight" in keys
