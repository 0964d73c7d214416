"""Small layers that the encoders and the decoder share.

Tensors in, tensors out. Channel-last everywhere: a convolution gets a permuted view
of a (B, H, W, C) tensor, which torch takes as ``channels_last`` without a copy.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of a (B, C, H, W) tensor, eps 1e-6.

    Same values as ``LayerNorm2d`` of the reference (``modeling/common.py``), by
    one fused kernel on the permuted view instead of five passes.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W) over C; same shape and dtype."""
        return self.channels_last(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def channels_last(self, x: Tensor) -> Tensor:
        """Normalise (..., C) over C; same shape and dtype."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-6)


class MLP(nn.Module):
    """``depth`` linear layers with ReLU between them (hypernetworks, IoU head)."""

    def __init__(self, dim: int, hidden: int, out: int, depth: int = 3) -> None:
        super().__init__()
        widths = [dim, *[hidden] * (depth - 1), out]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., dim) to (..., out)."""
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)  # type: ignore[no-any-return]


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None = None,
    scale: float | None = None,
) -> Tensor:
    """Compute softmax attention of (B, heads, N, d) tensors with an additive bias.

    Leading axes broadcast: one set of keys can serve a batch of queries.
    ``scale`` defaults to ``d ** -0.5``. When gradients are needed on a CPU the
    three plain steps are used: torch's fused kernel has a slow backward there.
    """
    if torch.is_grad_enabled() and q.device.type == "cpu":
        logits = (q * (q.shape[-1] ** -0.5 if scale is None else scale)) @ k.mT
        if bias is not None:
            logits = logits + bias
        return logits.softmax(-1).to(v.dtype) @ v
    batch = max(q.shape[0], k.shape[0])
    q, k, v = (t.expand(batch, *t.shape[1:]) for t in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale)


def upscale2(conv: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """Apply a 2x2, stride 2 transposed convolution as one matrix product.

    Maps (..., C_in) to (..., 2, 2, C_out): each input pixel becomes a 2x2
    block. The blocks are not interleaved spatially, so that two of
    these can be chained before one permutation, see `interleave`.
    """
    weight = conv.weight.permute(2, 3, 1, 0)  # (in, out, 2, 2) -> (2, 2, out, in)
    kernel = weight.reshape(-1, weight.shape[-1])
    assert conv.bias is not None
    y = F.linear(x, kernel, conv.bias.repeat(4))
    return y.reshape(*x.shape[:-1], 2, 2, conv.out_channels)


def interleave(x: Tensor) -> Tensor:
    """Order (B, H, W, 2, 2, 2, 2, C) blocks of two `upscale2` as (B, 4H, 4W, C)."""
    b, h, w, *_, c = x.shape
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(b, 4 * h, 4 * w, c)


def upscale4(layers: nn.Sequential, x: Tensor, *, final_gelu: bool) -> Tensor:
    """Run ``ConvT, LayerNorm2d, GELU, ConvT[, GELU]`` on (B, H, W, C_in).

    Returns (B, 4H, 4W, C_out). Same values as the module list of the reference
    (``output_upscaling``, ``embedding_encoder``, ``compress_vit_feat``).
    """
    first, norm, second = layers[0], layers[1], layers[3]
    assert isinstance(first, nn.ConvTranspose2d)
    assert isinstance(second, nn.ConvTranspose2d)
    assert isinstance(norm, LayerNorm2d)
    y = upscale2(second, F.gelu(norm.channels_last(upscale2(first, x))))
    return interleave(F.gelu(y) if final_gelu else y)


def make_upscale4(dim: int, hidden: int, out: int) -> nn.Sequential:
    """Make the module list that `upscale4` runs, with the official key names."""
    return nn.Sequential(
        nn.ConvTranspose2d(dim, hidden, 2, 2),
        LayerNorm2d(hidden),
        nn.GELU(),
        nn.ConvTranspose2d(hidden, out, 2, 2),
    )


def make_neck(dim: int) -> nn.Sequential:
    """Make the 1x1 and 3x3 convolutions from the encoder's width to 256 channels."""
    return nn.Sequential(
        nn.Conv2d(dim, 256, 1, bias=False),
        LayerNorm2d(256),
        nn.Conv2d(256, 256, 3, padding=1, bias=False),
        LayerNorm2d(256),
    )


def partition_windows(x: Tensor, size: int) -> tuple[Tensor, int, int]:
    """Cut (B, H, W, C) into (B * n, size, size, C) windows, zero-padded.

    Returns the windows and the padded height and width.
    """
    b, h, w, c = x.shape
    pad_h, pad_w = -h % size, -w % size
    if pad_h or pad_w:
        x = F.pad(x, (0, 0, 0, pad_w, 0, pad_h))
    h, w = h + pad_h, w + pad_w
    x = x.reshape(b, h // size, size, w // size, size, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, size, size, c), h, w


def join_windows(
    x: Tensor, size: int, padded: tuple[int, int], h: int, w: int
) -> Tensor:
    """Undo `partition_windows`: (B * n, size, size, C) to (B, h, w, C)."""
    ph, pw = padded
    c = x.shape[-1]
    x = x.reshape(-1, ph // size, pw // size, size, size, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, ph, pw, c)[:, :h, :w]
