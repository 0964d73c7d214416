"""HQ-SAM's mask decoder: SAM's decoder with HQ token and global-local fusion.

Tensors in, tensors out. Features that depend only on the image are computed once
per tile (`hq_features`), not once per click. Source: HQ-SAM paper (arXiv
2306.01567) sections 3.1, 3.2; reference file ``modeling/mask_decoder_hq.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_hqsam.network.layers import (
    MLP,
    LayerNorm2d,
    make_upscale4,
    upscale4,
)
from napari_hqsam.network.transformer import DIM, TwoWayTransformer

MASK_TOKENS = 4


class Decoded(NamedTuple):
    """Low-resolution logits of a batch of prompts.

    Attributes
    ----------
    sam : Tensor
        (B, 4, S/4, S/4): SAM's single mask, then its three candidates.
    hq : Tensor or None
        (B, 1, S/4, S/4): the HQ token's mask; None if not requested.
    iou : Tensor
        (B, 4): predicted IoU of each SAM mask; HQ has no prediction.
    """

    sam: Tensor
    hq: Tensor | None
    iou: Tensor


class MaskDecoder(nn.Module):
    """Decode prompt tokens and image features to masks.

    Parameters
    ----------
    early_dim : int
        Channels of the encoder's early feature.
    hq : bool
        Add the HQ modules. Without: SAM's mask decoder; an HQ token of zeros would
        not be the same, since the other tokens attend to it.
    """

    def __init__(self, early_dim: int, *, hq: bool = True) -> None:
        super().__init__()
        self.hq = hq
        self.transformer = TwoWayTransformer()
        self.iou_token = nn.Embedding(1, DIM)
        self.mask_tokens = nn.Embedding(MASK_TOKENS, DIM)
        self.output_upscaling = make_upscale4(DIM, 64, 32)
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(DIM, DIM, 32) for _ in range(MASK_TOKENS)
        )
        self.iou_prediction_head = MLP(DIM, DIM, MASK_TOKENS)
        if not hq:
            return
        self.hf_token = nn.Embedding(1, DIM)
        self.hf_mlp = MLP(DIM, DIM, 32)
        self.compress_vit_feat = make_upscale4(early_dim, DIM, 32)
        self.embedding_encoder = make_upscale4(DIM, 64, 32)
        self.embedding_maskfeature = nn.Sequential(
            nn.Conv2d(32, 64, 3, padding=1),
            LayerNorm2d(64),
            nn.GELU(),
            nn.Conv2d(64, 32, 3, padding=1),
        )

    def hq_features(self, features: Tensor, early: Tensor) -> Tensor:
        """Fuse the final and the early feature of a tile, upscaled four times.

        Parameters
        ----------
        features, early : Tensor
            (B, 256, g, g) and (B, g, g, early_dim).

        Returns
        -------
        Tensor
            (B, 4g, 4g, 32).
        """
        final = upscale4(
            self.embedding_encoder, features.permute(0, 2, 3, 1), final_gelu=False
        )
        return final + upscale4(self.compress_vit_feat, early, final_gelu=False)

    def forward(
        self,
        features: Tensor,
        image_pe: Tensor,
        tokens: Tensor,
        filling: Tensor,
        dense: Tensor,
        hq_features: Tensor | None,
    ) -> Decoded:
        """Decode a batch of prompts.

        Parameters
        ----------
        features : Tensor
            (1 or B, g, g, 256): image features, one tile for all prompts or one each.
        image_pe : Tensor
            (1 or B, g, g, 256): dense position embedding.
        tokens : Tensor
            (B, N, 256): sparse prompt tokens.
        filling : Tensor
            (B, N) bool: True for padding tokens, which are not attended to.
        dense : Tensor
            (1 or B, g, g, 256) or (1, 1, 1, 256): dense prompt embedding.
        hq_features : Tensor or None
            (1 or B, 4g, 4g, 32) from `hq_features`; None skips the HQ mask.
        """
        batch, grid = len(tokens), features.shape[1]
        own = [self.iou_token, self.mask_tokens, *([self.hf_token] if self.hq else [])]
        heads = torch.cat([token.weight for token in own])
        dtype = heads.dtype
        tokens = torch.cat([heads.expand(batch, -1, -1), tokens.to(dtype)], 1)
        filling = F.pad(filling, (len(heads), 0))
        bias = tokens.new_zeros(filling.shape).masked_fill(filling, -torch.inf)
        out, image = self.transformer(
            (features + dense).to(dtype).flatten(1, 2),
            image_pe.to(dtype).flatten(1, 2),
            tokens,
            bias[:, None, None, :],
        )
        upscaled = upscale4(
            self.output_upscaling, image.unflatten(1, (grid, grid)), final_gelu=True
        )
        kernels = torch.stack(
            [m(out[:, 1 + i]) for i, m in enumerate(self.output_hypernetworks_mlps)], 1
        )
        sam = (kernels @ upscaled.flatten(1, 2).mT).unflatten(2, upscaled.shape[1:3])
        hq = None
        if hq_features is not None and self.hq:
            hq = self._hq_mask(upscaled, self.hf_mlp(out[:, 5]), hq_features)
        return Decoded(sam, hq, self.iou_prediction_head(out[:, 0]))

    def _hq_mask(self, upscaled: Tensor, kernel: Tensor, hq_features: Tensor) -> Tensor:
        """Compute HQ logits (B, 1, 4g, 4g): kernel . (mask feature + HQ feature).

        The kernel is folded into the mask feature's last convolution (64 to 32
        channels, then a product with 32 numbers: one convolution from 64 to 1),
        so that no HQ feature map is computed per prompt.
        """
        conv1, norm, _, conv2 = self.embedding_maskfeature
        assert isinstance(norm, LayerNorm2d)
        assert isinstance(conv2, nn.Conv2d)
        assert conv2.bias is not None
        x = conv1(upscaled.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        x = F.gelu(norm.channels_last(x))  # (B, 4g, 4g, 64)
        b, h, w, c = x.shape
        taps = torch.einsum("bo,ocyx->bcyx", kernel, conv2.weight).flatten(2)
        planes = (x.reshape(b, -1, c) @ taps).mT.reshape(b, 3, 3, h, w)
        hq = (kernel[:, None] @ hq_features.flatten(1, 2).mT).reshape(b, h, w)
        hq = hq + (kernel @ conv2.bias)[:, None, None]
        # out[y, x] = sum over taps of plane[tap][y + dy, x + dx], zero outside
        planes = F.pad(planes, (1, 1, 1, 1))
        for dy in range(3):
            for dx in range(3):
                hq = hq + planes[:, dy, dx, dy : dy + h, dx : dx + w]
        return hq[:, None]
