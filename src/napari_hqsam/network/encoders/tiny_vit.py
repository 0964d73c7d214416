"""TinyViT-5M image encoder of Light HQ-SAM.

Tensors in, tensors out; key names of the official checkpoint. Source: TinyViT,
arXiv 2207.10666; reference file ``modeling/tiny_vit_sam.py``.
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_hqsam.network.encoders.base import (
    ConvBN,
    ImageEncoder,
    fuse_batch_norms,
)
from napari_hqsam.network.layers import (
    attention,
    join_windows,
    make_neck,
    partition_windows,
)

DIMS = (64, 128, 160, 320)
DEPTHS = (2, 2, 6, 2)
WINDOWS = (7, 7, 14, 7)
HEAD_DIM = 32


class MBConv(nn.Module):
    """Inverted bottleneck, expansion 4; the last GELU comes after the sum."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = ConvBN(dim, 4 * dim)
        self.conv2 = ConvBN(4 * dim, 4 * dim, 3, groups=4 * dim)
        self.conv3 = ConvBN(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        y = F.gelu(self.conv2(F.gelu(self.conv1(x))))
        return F.gelu(x + self.conv3(y))


class PatchMerging(nn.Module):
    """1x1, depthwise 3x3 (stride 2, or 1 for the last stage), 1x1."""

    def __init__(self, dim: int, out: int) -> None:
        super().__init__()
        stride = 1 if out in (320, 448, 576) else 2  # the rule of the reference
        self.conv1 = ConvBN(dim, out)
        self.conv2 = ConvBN(out, out, 3, stride, groups=out)
        self.conv3 = ConvBN(out, out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, out, H/stride, W/stride)."""
        return self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))  # type: ignore[no-any-return]


class ConvStage(nn.Module):
    """First stage: two MBConv and a patch merging."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(MBConv(DIMS[0]) for _ in range(DEPTHS[0]))
        self.downsample = PatchMerging(DIMS[0], DIMS[1])

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 64, H, W) to (B, 128, H/2, W/2)."""
        for block in self.blocks:
            x = block(x)
        return self.downsample(x)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Window attention with a learned bias per absolute offset.

    The bias is always gathered from the current parameter: the reference caches it,
    and gives wrong masks after loading weights unless eval() is called again.
    """

    attention_bias_idxs: Tensor
    fixed_bias: Tensor | None

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        # Offsets are numbered in order of first occurrence, row by row,
        # which is row-major in (|dy|, |dx|).
        points = list(itertools.product(range(window), range(window)))
        index = [
            [abs(a[0] - b[0]) * window + abs(a[1] - b[1]) for b in points]
            for a in points
        ]
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        self.register_buffer(
            "attention_bias_idxs", torch.tensor(index), persistent=False
        )
        # a buffer, so that it moves with the module
        self.register_buffer("fixed_bias", None, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within each window: (B, N, C) to (B, N, C)."""
        b, n, c = x.shape
        # per head q|k|v side by side, unlike ViT's qkv packing
        qkv = self.qkv(self.norm(x)).reshape(b, n, self.heads, 3, HEAD_DIM)
        q, k, v = qkv.permute(3, 0, 2, 1, 4).unbind(0)
        bias = self.fixed_bias if n == self.window**2 else None
        if bias is None:
            bias = self.attention_biases[:, self._offsets(n)]
        out = attention(q, k, v, bias.to(q.dtype))
        return self.proj(out.transpose(1, 2).reshape(b, n, c))  # type: ignore[no-any-return]

    def _offsets(self, n: int) -> Tensor:
        """Return offset numbers (n, n) of a window of n = w * w tokens, w <= window."""
        side = math.isqrt(n)
        index = self.attention_bias_idxs.reshape((self.window,) * 4)
        return index[:side, :side, :side, :side].reshape(n, n)

    def fix_bias(self) -> None:
        """Gather the bias once, for inference."""
        with torch.no_grad():
            self.fixed_bias = self.attention_biases[:, self.attention_bias_idxs]


class Mlp(nn.Module):
    """Norm, linear, GELU, linear."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., dim) to (..., dim)."""
        return self.fc2(F.gelu(self.fc1(self.norm(x))))  # type: ignore[no-any-return]


class TinyViTBlock(nn.Module):
    """Window attention, depthwise convolution without residual, MLP."""

    def __init__(self, dim: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = Attention(dim, dim // HEAD_DIM, window)
        self.mlp = Mlp(dim)
        self.local_conv = ConvBN(dim, dim, 3, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, C) to the same shape."""
        h, w = x.shape[1:3]
        # Padding comes before the norm inside the attention: pad tokens become
        # its bias and are attended to. A map smaller than the window (training
        # crops) is one window.
        window = min(self.window, max(h, w))
        y, ph, pw = partition_windows(x, window)
        y = self.attn(y.flatten(1, 2)).reshape(y.shape)
        x = x + join_windows(y, window, (ph, pw), h, w)
        x = self.local_conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return x + self.mlp(x)  # type: ignore[no-any-return]


class AttentionStage(nn.Module):
    """Attention blocks and, except in the last stage, a patch merging."""

    def __init__(self, stage: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            TinyViTBlock(DIMS[stage], WINDOWS[stage]) for _ in range(DEPTHS[stage])
        )
        self.downsample = (
            PatchMerging(DIMS[stage], DIMS[stage + 1]) if stage < 3 else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H', W')."""
        x = x.permute(0, 2, 3, 1)
        for block in self.blocks:
            x = block(x)
        x = x.permute(0, 3, 1, 2)
        return x if self.downsample is None else self.downsample(x)


class PatchEmbed(nn.Module):
    """Two stride 2 convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.seq = nn.Sequential(
            ConvBN(3, DIMS[0] // 2, 3, 2),
            nn.GELU(),
            ConvBN(DIMS[0] // 2, DIMS[0], 3, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, S, S) to (B, 64, S/4, S/4)."""
        return self.seq(x)  # type: ignore[no-any-return]


class TinyViT(ImageEncoder):
    """TinyViT-5M with SAM's neck, for any input side that is a multiple of 64."""

    early_dim = DIMS[2]

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed()
        self.layers = nn.ModuleList(
            [ConvStage(), *(AttentionStage(i) for i in range(1, 4))]
        )
        # The official file holds the classification head, which is never used.
        self.norm_head = nn.LayerNorm(DIMS[3])
        self.head = nn.Linear(DIMS[3], 1000)
        self.neck = make_neck(DIMS[3])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode normalised images.

        Parameters
        ----------
        x : Tensor
            (B, 3, S, S).

        Returns
        -------
        features, early : Tensor
            (B, 256, S/16, S/16) and (B, S/16, S/16, 160): the tokens after
            stage 1, the early feature HQ uses.
        """
        x = self.patch_embed(x.contiguous(memory_format=torch.channels_last))
        x = self.layers[1](self.layers[0](x))
        early = x.permute(0, 2, 3, 1)
        x = self.layers[3](self.layers[2](x))
        return self.neck(x), early

    def optimize(self, dtype: torch.dtype) -> None:
        """Fuse batch norms, gather the biases, cast. Inference only."""
        fuse_batch_norms(self)
        self.to(dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for module in self.modules():
            if isinstance(module, Attention):
                module.fix_bias()
