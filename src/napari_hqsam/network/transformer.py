"""SAM's two-way transformer between prompt tokens and image positions.

Tensors in, tensors out. Image keys may have batch 1 while the tokens have batch
B: then the image side of the first block is computed once for all prompts of a
tile. Source: SAM paper, appendix A; reference file ``modeling/transformer.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_hqsam.network.layers import attention

if TYPE_CHECKING:
    from collections.abc import Sequence

DIM = 256
HEADS = 8


class Attention(nn.Module):
    """Multi-head attention with an optional smaller inner dimension."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(DIM, inner)
        self.k_proj = nn.Linear(DIM, inner)
        self.v_proj = nn.Linear(DIM, inner)
        self.out_proj = nn.Linear(inner, DIM)

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        """Attend with already projected (B, N, inner); returns (B, N, 256)."""
        q, k, v = (t.unflatten(-1, (HEADS, -1)).transpose(1, 2) for t in (q, k, v))
        out = attention(q, k, v, bias)
        return self.out_proj(out.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def project(
    x: Tensor, pe: Tensor, with_pe: Sequence[nn.Linear], plain: Sequence[nn.Linear]
) -> tuple[Tensor, ...]:
    """Apply several linear layers to image positions in one matrix product.

    ``linear(x + pe)`` for those in `with_pe`, ``linear(x)`` for those in
    `plain`. The position term is added after the product, where it has batch 1,
    so that x + pe is never computed.
    """
    linears = [*with_pe, *plain]
    weight = torch.cat([m.weight for m in linears])
    y = F.linear(x, weight, torch.cat([m.bias for m in linears]))
    width = sum(m.out_features for m in with_pe)
    shift = F.linear(pe, torch.cat([m.weight for m in with_pe]))
    parts = (y[..., :width] + shift).split([m.out_features for m in with_pe], -1)
    return (*parts, *y[..., width:].split([m.out_features for m in plain], -1))


class TokenMLP(nn.Module):
    """Linear, ReLU, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.lin1 = nn.Linear(DIM, 2048)
        self.lin2 = nn.Linear(2048, DIM)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., 256) to (..., 256)."""
        return self.lin2(F.relu(self.lin1(x)))  # type: ignore[no-any-return]


class TwoWayBlock(nn.Module):
    """Self-attention of tokens, tokens to image, MLP, image to tokens."""

    def __init__(self, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = Attention(DIM)
        self.norm1 = nn.LayerNorm(DIM)
        self.cross_attn_token_to_image = Attention(DIM // 2)
        self.norm2 = nn.LayerNorm(DIM)
        self.mlp = TokenMLP()
        self.norm3 = nn.LayerNorm(DIM)
        self.norm4 = nn.LayerNorm(DIM)
        self.cross_attn_image_to_token = Attention(DIM // 2)

    def forward(
        self, queries: Tensor, keys: Tensor, pe: Tensor, image_pe: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Update tokens (B, T, 256) and image positions (1 or B, N, 256).

        `pe` holds the initial tokens; `bias` (B, 1, 1, T) is 0 for tokens and -inf
        for padding.
        """
        attn = self.self_attn
        x = queries if self.first else queries + pe
        out = attn(attn.q_proj(x), attn.k_proj(x), attn.v_proj(queries), bias)
        # The first block's self-attention has no residual, as in the reference.
        queries = self.norm1(out if self.first else queries + out)
        down, up = self.cross_attn_token_to_image, self.cross_attn_image_to_token
        k, q, v = project(keys, image_pe, [down.k_proj, up.q_proj], [down.v_proj])
        out = down(down.q_proj(queries + pe), k, v)
        queries = self.norm2(queries + out)
        queries = self.norm3(queries + self.mlp(queries))
        out = up(q, up.k_proj(queries + pe), up.v_proj(queries), bias)
        return queries, self.norm4(keys + out)


class TwoWayTransformer(nn.Module):
    """Two blocks and a final attention of the tokens to the image."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([TwoWayBlock(first=True), TwoWayBlock(first=False)])
        self.final_attn_token_to_image = Attention(DIM // 2)
        self.norm_final_attn = nn.LayerNorm(DIM)

    def forward(
        self, image: Tensor, image_pe: Tensor, tokens: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Run the decoder's transformer.

        Parameters
        ----------
        image, image_pe : Tensor
            (1 or B, N, 256) image positions with their dense prompt embedding,
            and their position embedding.
        tokens : Tensor
            (B, T, 256).
        bias : Tensor
            (B, 1, 1, T): 0 for tokens, -inf for padding.

        Returns
        -------
        tokens, image : Tensor
            (B, T, 256) and (B, N, 256).
        """
        queries, keys = tokens, image
        for layer in self.layers:
            queries, keys = layer(queries, keys, tokens, image_pe, bias)
        attn = self.final_attn_token_to_image
        k, v = project(keys, image_pe, [attn.k_proj], [attn.v_proj])
        out = attn(attn.q_proj(queries + tokens), k, v)
        return self.norm_final_attn(queries + out), keys
