"""Encode points, boxes and masks as tokens and a dense embedding.

Tensors in, tensors out. Coordinates are (x, y) network pixels, centres at
integers; half a pixel is added here. Source: SAM paper, appendix A; reference
file ``modeling/prompt_encoder.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_hqsam.network.layers import LayerNorm2d

if TYPE_CHECKING:
    from collections.abc import Sequence

PAD, NOT_A_POINT, NEGATIVE, POSITIVE, BOX_FIRST, BOX_SECOND = -2, -1, 0, 1, 2, 3

CLICK_SIGMA = 6.0
"""Standard deviation of a rendered click, network pixels."""
RENDER_GAIN = 4.0
"""Logit at the centre of a rendered click and inside a rendered box."""


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """A batch of prompts, one row per object.

    Attributes
    ----------
    coords : Tensor
        (B, N, 2) float32, (x, y) network pixels.
    labels : Tensor
        (B, N) int64: 1 positive, 0 negative, 2 and 3 the box's corners, -1 the
        "not a point" appended to points without a box, -2 padding that is not
        attended to (rows may hold different numbers of points).
    mask_logits : Tensor or None
        (B, 1, S/4, S/4) float32 mask prompts.
    has_mask : Tensor or None
        (B,) bool: which rows of `mask_logits` are prompts. None: all.
    """

    coords: Tensor
    labels: Tensor
    mask_logits: Tensor | None = None
    has_mask: Tensor | None = None

    def __len__(self) -> int:
        return self.coords.shape[0]

    def to(self, device: torch.device) -> PromptTokens:
        """Move to a device."""
        return PromptTokens(
            *(
                None if t is None else t.to(device)  # type: ignore[arg-type]
                for t in (self.coords, self.labels, self.mask_logits, self.has_mask)
            )
        )

    def select(self, rows: slice) -> PromptTokens:
        """Select rows, and drop columns that are padding in all of them."""
        labels = self.labels[rows]
        used = (labels != PAD).any(0)
        return PromptTokens(
            self.coords[rows][:, used],
            labels[:, used],
            None if self.mask_logits is None else self.mask_logits[rows],
            None if self.has_mask is None else self.has_mask[rows],
        )


def pack_tokens(
    points: Sequence[Tensor],
    labels: Sequence[Tensor],
    boxes: Sequence[Tensor | None],
    masks: Sequence[Tensor | None] | None = None,
) -> PromptTokens:
    """Pack prompts of different kinds and numbers of points into one batch.

    Parameters
    ----------
    points : sequence of Tensor
        Per prompt (n, 2), (x, y) network pixels; n may be 0.
    labels : sequence of Tensor
        Per prompt (n,), 1 or 0.
    boxes : sequence of Tensor or None
        Per prompt (4,), (x0, y0, x1, y1) network pixels, or None.
    masks : sequence of Tensor or None, optional
        Per prompt (S/4, S/4) logits, or None.

    Returns
    -------
    PromptTokens
        A prompt of points alone gets SAM's "not a point" token appended; one
        with a box gets two corner tokens; a prompt with neither has no token.
    """
    rows: list[tuple[Tensor, Tensor]] = []
    for p, label, box in zip(points, labels, boxes, strict=True):
        coords, codes = [p.float().reshape(-1, 2)], [label.long()]
        if box is not None:
            coords.append(box.float().reshape(2, 2))
            codes.append(torch.tensor([BOX_FIRST, BOX_SECOND]))
        elif len(p):
            coords.append(torch.zeros(1, 2))
            codes.append(torch.tensor([NOT_A_POINT]))
        rows.append((torch.cat(coords), torch.cat(codes)))
    n = max((len(kinds) for _, kinds in rows), default=0)
    all_coords = torch.zeros(len(rows), n, 2)
    all_kinds = torch.full((len(rows), n), PAD)
    for i, (c, kinds) in enumerate(rows):
        all_coords[i, : len(c)] = c
        all_kinds[i, : len(c)] = kinds
    if masks is None or all(m is None for m in masks):
        return PromptTokens(all_coords, all_kinds)
    side = next(m.shape for m in masks if m is not None)
    logits = torch.stack([torch.zeros(side) if m is None else m for m in masks])
    has = torch.tensor([m is not None for m in masks])
    return PromptTokens(all_coords, all_kinds, logits[:, None].float(), has)


class PositionEmbedding(nn.Module):
    """Random Fourier features of (x, y) in [0, 1]."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, 128))

    def forward(self, xy: Tensor) -> Tensor:
        """Embed (..., 2) float32 in [0, 1] as (..., 256) float32."""
        # float32 in any precision of the network: bfloat16 cannot resolve the phase
        matrix = self.positional_encoding_gaussian_matrix.float()
        with torch.autocast(xy.device.type, enabled=False):
            phase = (2 * xy - 1) @ matrix * (2 * math.pi)
        return torch.cat([phase.sin(), phase.cos()], -1)


class PromptEncoder(nn.Module):
    """Compute prompt tokens and dense embedding for a given input size.

    Parameters
    ----------
    input_size : int
        Side S of the network input, pixels.
    render_prompts : bool
        Also draw points and boxes into the mask input (the bundled model was
        trained with this; official checkpoints were not).
    """

    def __init__(self, input_size: int, *, render_prompts: bool = False) -> None:
        super().__init__()
        self.input_size = input_size
        self.render_prompts = render_prompts
        self.pe_layer = PositionEmbedding()
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, 256) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, 256)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, 2),
            LayerNorm2d(4),
            nn.GELU(),
            nn.Conv2d(4, 16, 2, 2),
            LayerNorm2d(16),
            nn.GELU(),
            nn.Conv2d(16, 256, 1),
        )
        self.no_mask_embed = nn.Embedding(1, 256)

    def dense_positions(self, grid: int, offset: Tensor | None = None) -> Tensor:
        """Compute the position embedding of the cell centres of a (grid, grid) map.

        Parameters
        ----------
        grid : int
            Cells per side; each covers 16 network pixels.
        offset : Tensor, optional
            (B, 2) float32, (x, y) network pixels of the map's corner inside a
            larger input of `input_size` (training crops).

        Returns
        -------
        Tensor
            (1 or B, grid, grid, 256) float32.
        """
        device = self.no_mask_embed.weight.device
        c = (torch.arange(grid, device=device, dtype=torch.float32) + 0.5) * 16
        xy = torch.stack(torch.meshgrid(c, c, indexing="xy"), -1)[None]
        if offset is not None:
            xy = xy + offset[:, None, None, :]
        return self.pe_layer(xy / self.input_size)  # type: ignore[no-any-return]

    def tokens(self, prompts: PromptTokens, offset: Tensor | None = None) -> Tensor:
        """Compute sparse tokens (B, N, 256) float32; padding rows are zero."""
        coords = prompts.coords + 0.5
        if offset is not None:
            coords = coords + offset[:, None, :]
        pe = self.pe_layer(coords / self.input_size)
        labels = prompts.labels[..., None]
        pe = pe * (labels >= NEGATIVE)
        kinds = torch.cat(
            [
                torch.zeros_like(self.not_a_point_embed.weight),
                self.not_a_point_embed.weight,
                *self.point_embeddings.parameters(),
            ]
        )  # in the order PAD, NOT_A_POINT, NEGATIVE, ..., BOX_SECOND
        return pe + kinds.float()[prompts.labels - PAD]  # type: ignore[no-any-return]

    def dense(self, prompts: PromptTokens, grid: int) -> Tensor:
        """Compute the dense embedding (1 or B, grid, grid, 256), 1 if all are equal."""
        none = self.no_mask_embed.weight.reshape(1, 1, 1, 256)
        logits, has = prompts.mask_logits, prompts.has_mask
        if self.render_prompts and prompts.labels.shape[1]:
            drawn = render(prompts, 4 * grid)
            drawn_rows = (prompts.labels >= NEGATIVE).any(1)
            if logits is None:
                logits, has = drawn, drawn_rows
            else:
                given = logits if has is None else logits * has[:, None, None, None]
                logits = given + drawn
                has = None if has is None else has | drawn_rows
        if logits is None:
            return none
        dtype = none.dtype
        dense = self.mask_downscaling(logits.to(dtype)).permute(0, 2, 3, 1)
        if has is None:
            return dense  # type: ignore[no-any-return]
        return torch.where(has[:, None, None, None], dense, none)


def render(prompts: PromptTokens, side: int) -> Tensor:
    """Draw points and boxes as logits for the mask input.

    A positive click is a Gaussian of `CLICK_SIGMA` network pixels and height
    `RENDER_GAIN`, a negative one its negative, a box a soft-edged plateau.

    Returns
    -------
    Tensor
        (B, 1, side, side) float32; a cell covers 4 network pixels.
    """
    c = torch.arange(side, device=prompts.coords.device, dtype=torch.float32) * 4 + 1.5
    xy, labels = prompts.coords.float(), prompts.labels
    bumps = torch.exp(
        -0.5 * ((c - xy[..., None]) / CLICK_SIGMA) ** 2
    )  # (B, N, 2, side)
    sign = (labels == POSITIVE).float() - (labels == NEGATIVE).float()
    drawn = torch.einsum("bn,bny,bnx->byx", sign, bumps[:, :, 1], bumps[:, :, 0])
    rows = torch.arange(len(labels), device=labels.device)
    first = (labels == BOX_FIRST).float()
    has_box = first.sum(1)
    if labels.shape[1] >= 2:
        at = first.argmax(1).clamp(max=labels.shape[1] - 2)
        low, high = xy[rows, at, :, None], xy[rows, at + 1, :, None]
        edge = torch.sigmoid((c - low) / 2) * torch.sigmoid((high - c) / 2)  # (B, 2, s)
        drawn = drawn + has_box[:, None, None] * edge[:, 1, :, None] * edge[:, 0, None]
    return RENDER_GAIN * drawn[:, None]
