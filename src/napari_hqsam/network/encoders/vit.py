"""SAM's ViT image encoder (B, L, H), from which HQ-SAM also takes an early feature.

Tensors in, tensors out; key names of the official checkpoints. Source: SAM
paper, appendix A; reference file ``modeling/image_encoder.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_hqsam.network.encoders.base import ImageEncoder
from napari_hqsam.network.layers import (
    attention,
    join_windows,
    make_neck,
    partition_windows,
)

WINDOW = 14
PATCH = 16
PRETRAINED_GRID = 64  # 1024 px, the size of all official position tables


class ViTShape(NamedTuple):
    """Width, depth, heads and the blocks that attend globally."""

    dim: int
    depth: int
    heads: int
    global_blocks: tuple[int, int, int, int]


VIT_SHAPES = {
    "vit_b": ViTShape(768, 12, 12, (2, 5, 8, 11)),
    "vit_l": ViTShape(1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": ViTShape(1280, 32, 16, (7, 15, 23, 31)),
}


def relative_positions(table: Tensor, n: int) -> Tensor:
    """Expand a (2m-1, d) table to (n, n, d), entry [q, k] for the offset q - k.

    A table for another grid is interpolated linearly, as SAM's
    ``get_rel_pos`` does.
    """
    if table.shape[0] != 2 * n - 1:
        table = F.interpolate(table.T[None].float(), size=2 * n - 1, mode="linear")
        table = table[0].T
    i = torch.arange(n, device=table.device)
    return table[i[:, None] - i[None, :] + n - 1]


class Attention(nn.Module):
    """Multi-head attention with decomposed relative positions.

    The logits are ``(q * d**-0.5) k^T + q.R_h + q.R_w``: the position term uses
    the unscaled q (ViTDet, MViTv2 eq. 4).
    """

    def __init__(self, dim: int, heads: int, grid: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * grid - 1, dim // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * grid - 1, dim // heads))

    def forward(self, x: Tensor) -> Tensor:
        """Attend over all positions of each (B, H, W, C) map; same shape."""
        b, h, w, c = x.shape
        d = c // self.heads
        qkv = self.qkv(x).reshape(b, h * w, 3, self.heads, d)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        grid = q.reshape(b, self.heads, h, w, d)
        # (h, kh, d) and (w, kw, d) tables: one small product per row and column
        rel_h = grid.transpose(1, 2).reshape(b, h, -1, d)  # rows first
        rel_h = rel_h @ relative_positions(self.rel_pos_h, h).to(q.dtype).mT
        rel_h = rel_h.reshape(b, h, self.heads, w, h).permute(0, 2, 1, 3, 4)
        rel_w = grid.permute(0, 3, 1, 2, 4).reshape(b, w, -1, d)
        rel_w = rel_w @ relative_positions(self.rel_pos_w, w).to(q.dtype).mT
        rel_w = rel_w.reshape(b, w, self.heads, h, w).permute(0, 2, 3, 1, 4)
        out = self._attend(q, k, v, rel_h, rel_w)
        return self.proj(out.transpose(1, 2).reshape(b, h, w, c))  # type: ignore[no-any-return]

    def _attend(
        self, q: Tensor, k: Tensor, v: Tensor, rel_h: Tensor, rel_w: Tensor
    ) -> Tensor:
        b, heads, h, w, _ = rel_h.shape
        n, d = h * w, q.shape[-1]
        scale = d**-0.5
        if n <= WINDOW**2:  # a window: its dense bias is small
            bias = (rel_h[..., :, None] + rel_w[..., None, :]).reshape(b, heads, n, n)
            return attention(q, k, v, bias, scale)
        # Globally the bias would be heads x 4096 x 4096. It has rank h + w, so it
        # folds into the product: [q s, rel_h, rel_w] . [k, onehot_h, onehot_w].
        # v is padded to the same width, which keeps torch on its flash kernel.
        rows = torch.eye(h, dtype=k.dtype, device=k.device).repeat_interleave(w, 0)
        cols = torch.eye(w, dtype=k.dtype, device=k.device).repeat(h, 1)
        onehot = torch.cat([rows, cols], -1).expand(b, heads, n, h + w)
        rel = [r.reshape(b, heads, n, -1) for r in (rel_h, rel_w)]
        wide_q = torch.cat([q * scale, *rel], -1)
        wide_k = torch.cat([k, onehot], -1)
        return attention(wide_q, wide_k, F.pad(v, (0, h + w)), scale=1.0)[..., :d]


class Mlp(nn.Module):
    """Linear, exact GELU, linear."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(dim, 4 * dim)
        self.lin2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., dim) to (..., dim)."""
        return self.lin2(F.gelu(self.lin1(x)))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Pre-norm transformer block, attending in windows or globally."""

    def __init__(self, dim: int, heads: int, *, windowed: bool) -> None:
        super().__init__()
        self.windowed = windowed
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, WINDOW if windowed else PRETRAINED_GRID)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, C) to the same shape."""
        y = self.norm1(x)
        if self.windowed:
            # Padding comes after the norm: pad tokens are zeros and attended to.
            h, w = x.shape[1:3]
            y, ph, pw = partition_windows(y, WINDOW)
            y = join_windows(self.attn(y), WINDOW, (ph, pw), h, w)
        else:
            y = self.attn(y)
        x = x + y
        return x + self.mlp(self.norm2(x))  # type: ignore[no-any-return]


class PatchEmbed(nn.Module):
    """Non-overlapping 16 x 16 patches."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, PATCH, PATCH)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, S, S) to (B, S/16, S/16, dim)."""
        return self.proj(x).permute(0, 2, 3, 1)  # type: ignore[no-any-return]


class ViT(ImageEncoder):
    """ViT-B, L or H with SAM's neck, for any input side that is a multiple of 16."""

    def __init__(self, shape: ViTShape) -> None:
        super().__init__()
        self.early_dim = shape.dim
        self.first_global = shape.global_blocks[0]
        self.patch_embed = PatchEmbed(shape.dim)
        self.pos_embed = nn.Parameter(
            torch.zeros(1, PRETRAINED_GRID, PRETRAINED_GRID, shape.dim)
        )
        self.blocks = nn.ModuleList(
            Block(shape.dim, shape.heads, windowed=i not in shape.global_blocks)
            for i in range(shape.depth)
        )
        self.neck = make_neck(shape.dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode normalised images.

        Parameters
        ----------
        x : Tensor
            (B, 3, S, S).

        Returns
        -------
        features, early : Tensor
            (B, 256, S/16, S/16) and (B, S/16, S/16, dim): the residual stream
            after the first global block, the only early feature HQ uses.
        """
        x = self.patch_embed(x)
        x = x + self._positions(x.shape[1], x.shape[2]).to(x.dtype)
        early = x
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i == self.first_global:
                early = x
        return self.neck(x.permute(0, 3, 1, 2)), early

    def _positions(self, h: int, w: int) -> Tensor:
        """Interpolate the position table bicubically to another grid, as ViTDet."""
        if (h, w) == self.pos_embed.shape[1:3]:
            return self.pos_embed
        table = self.pos_embed.permute(0, 3, 1, 2).float()
        table = F.interpolate(table, (h, w), mode="bicubic", align_corners=False)
        return table.permute(0, 2, 3, 1)

    def optimize(self, dtype: torch.dtype) -> None:
        """Cast to the dtype of inference."""
        self.to(dtype)
