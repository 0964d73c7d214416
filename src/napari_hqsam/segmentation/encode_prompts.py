"""Prompts in plane coordinates as the tokens of a tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from napari_hqsam.network import pack_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.network import PromptTokens
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.tiling import Tile

MASK_LOGIT = 8.0
"""Logit of a sure pixel of a mask prompt; SAM's own answers reach about that."""


def tokens_on_tile(prompts: Sequence[Prompt], tile: Tile) -> PromptTokens:
    """Pack prompts for the decoder, on the CPU.

    Parameters
    ----------
    prompts : sequence of Prompt
        Plane coordinates.
    tile : Tile
        Where they are looked at.
    """
    return pack_tokens(
        points=[torch.tensor(tile.to_network(p.points).tolist()) for p in prompts],
        labels=[torch.tensor(p.point_labels, dtype=torch.long) for p in prompts],
        boxes=[
            None if p.box is None else torch.tensor(tile.box_to_network(p.box).tolist())
            for p in prompts
        ],
        masks=[mask_logits(p, tile) for p in prompts],
    )


def mask_logits(prompt: Prompt, tile: Tile) -> torch.Tensor | None:
    """Turn a mask prompt into (S/4, S/4) logits, averaged down to that resolution."""
    if prompt.mask is None:
        return None
    h, w = tile.shape
    surely_not = -MASK_LOGIT
    plane = np.full((h, w), surely_not, np.float32)
    values = prompt.mask
    if not np.issubdtype(values.dtype, np.floating):
        values = np.where(values != 0, MASK_LOGIT, surely_not)
    oy, ox = prompt.mask_offset or (0, 0)
    oy, ox = oy - tile.y0, ox - tile.x0
    ys, xs = (
        slice(max(oy, 0), oy + values.shape[0]),
        slice(max(ox, 0), ox + values.shape[1]),
    )
    part = plane[ys, xs]
    part[:] = values[
        ys.start - oy : ys.start - oy + part.shape[0],
        xs.start - ox : xs.start - ox + part.shape[1],
    ]
    small = tuple(max(1, round(side / 4)) for side in tile.resized_shape)
    logits = F.interpolate(
        torch.from_numpy(plane)[None, None],
        small,
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )[0, 0].clamp(-32, 32)
    side = tile.size // 4
    return F.pad(logits, (0, side - small[1], 0, side - small[0]), value=surely_not)
