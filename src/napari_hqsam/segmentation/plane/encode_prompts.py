"""Convert prompts from plane coordinates to the decoder's tokens on a tile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from napari_hqsam.network import pack_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_hqsam.network import PromptTokens
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.tiling import Tile

MASK_LOGIT = 8.0
"""Logit of a pixel inside a binary mask prompt; SAM's own logits reach about that."""
_FINE = 4
"""Mask pixels sampled per pixel of the mask prompt and axis, before averaging."""


def tokens_on_tile(
    prompts: Sequence[Prompt],
    tile: Tile,
    masks: Sequence[NDArray[np.float32]] | None = None,
    *,
    plane_shape: tuple[int, int] | None = None,
) -> PromptTokens:
    """Pack prompts into the tokens of a tile, on the CPU.

    Parameters
    ----------
    prompts : sequence of Prompt
        Plane coordinates.
    tile : Tile
        The tile to decode them on.
    masks : sequence of ndarray, optional
        (h, w) float32 logits, at most (S/4, S/4), instead of the prompts' masks.
    plane_shape : (h, w), optional
        Size of the plane. Beyond it the image's border is repeated, so a mask's is
        too.
    """
    prompts = [clip_to_tile(p, tile) for p in prompts]
    return pack_tokens(
        points=[torch.tensor(tile.to_network(p.points).tolist()) for p in prompts],
        labels=[torch.tensor(p.point_labels, dtype=torch.long) for p in prompts],
        boxes=[
            None if p.box is None else torch.tensor(tile.box_to_network(p.box).tolist())
            for p in prompts
        ],
        masks=[mask_logits(p, tile, plane_shape) for p in prompts]
        if masks is None
        else [pad_logits(torch.from_numpy(mask), tile) for mask in masks],
    )


def clip_to_tile(prompt: Prompt, tile: Tile) -> Prompt:
    """Drop the points of a prompt that lie off a tile, and clip its box to it.

    The positional encoding of coordinates outside the network's input aliases others
    inside. A prompt of which no positive part would be left is returned unchanged.
    """
    y0, x0, y1, x1 = tile.region
    inside = {
        point: sign
        for point, sign in zip(prompt.points, prompt.point_labels, strict=True)
        if tile.holds(point)
    }
    box = prompt.box
    if box is not None:
        cut = (
            max(box[0], y0 - 0.5),
            max(box[1], x0 - 0.5),
            min(box[2], y1 - 0.5),
            min(box[3], x1 - 0.5),
        )
        box = cut if cut[0] < cut[2] and cut[1] < cut[3] else None
    if len(inside) == len(prompt.points) and box == prompt.box:
        return prompt
    if box is None and prompt.mask is None and 1 not in inside.values():
        return prompt
    return replace(
        prompt, points=tuple(inside), point_labels=tuple(inside.values()), box=box
    )


def mask_logits(
    prompt: Prompt, tile: Tile, plane_shape: tuple[int, int] | None = None
) -> torch.Tensor | None:
    """Convert a mask prompt to (S/4, S/4) logits; None if the prompt has none.

    Logits of an earlier prediction are interpolated at the decoder's pixels. A binary
    mask is resized with antialiasing; one of many more pixels is subsampled first, so
    that the cost does not grow with the level of the tile.
    """
    if prompt.logits is not None:
        there = prompt.logits.on_grid(
            (tile.y0, tile.x0), tile.decoded_pitch, tile.decoded_shape
        )
        return pad_logits(torch.from_numpy(there), tile)
    if prompt.mask is None:
        return None
    small = [max(1, round(side / 4)) for side in tile.resized_shape]
    steps = [
        max(1, side // (_FINE * few))
        for side, few in zip(tile.shape, small, strict=True)
    ]
    canvas = np.full(
        [-(-side // step) for side, step in zip(tile.shape, steps, strict=True)],
        -MASK_LOGIT,
        np.float32,
    )
    offset = prompt.mask_offset or (0, 0)
    to, of = [], []
    for start, corner, side, step, length in zip(
        offset,
        (tile.y0, tile.x0),
        canvas.shape,
        steps,
        prompt.mask.shape,
        strict=True,
    ):
        # canvas pixel i shows plane pixel corner + i * step
        first = min(max(-(-(start - corner) // step), 0), side)
        stop = min(max(-(-(start + length - corner) // step), first), side)
        to.append(slice(first, stop))
        begin = corner + first * step - start
        of.append(slice(begin, begin + (stop - first - 1) * step + 1, step))
    if all(part.stop > part.start for part in to):
        values = prompt.mask[tuple(of)]
        if not np.issubdtype(values.dtype, np.floating):
            values = np.where(values != 0, MASK_LOGIT, -MASK_LOGIT)
        canvas[tuple(to)] = values
    if plane_shape is not None:
        _repeat_border(canvas, tile, plane_shape, steps)
    logits = F.interpolate(
        torch.from_numpy(canvas)[None, None],
        small,
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )[0, 0]
    return pad_logits(logits, tile)


def _repeat_border(
    canvas: NDArray[np.float32],
    tile: Tile,
    plane_shape: tuple[int, int],
    steps: Sequence[int],
) -> None:
    """Repeat the plane's last pixels over the part of a tile beyond the plane."""
    corner = tile.y0, tile.x0
    for axis in (0, 1):
        end = -(-(plane_shape[axis] - corner[axis]) // steps[axis])
        along = canvas.swapaxes(0, axis)
        along[end:] = along[end - 1 : end]


def pad_logits(logits: torch.Tensor, tile: Tile) -> torch.Tensor:
    """Clamp logits (h, w) to -32..32 and pad them with background to (S/4, S/4)."""
    side = tile.size // 4
    h, w = logits.shape
    return F.pad(logits.clamp(-32, 32), (0, side - w, 0, side - h), value=-MASK_LOGIT)
