"""Simulate user prompts: clicks, loose boxes, rough masks, corrections.

All on the device of the target masks, without loops over prompts. Sources: SAM
paper, appendix A ("Making the model promptable", "Training algorithm");
HQ-SAM paper, section 3.3.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_hqsam.network.prompt_encoder import (
    BOX_FIRST,
    BOX_SECOND,
    NEGATIVE,
    NOT_A_POINT,
    PAD,
    POSITIVE,
    PromptTokens,
)


def pick_objects(labels: Tensor, count: int, min_area: int = 12) -> Tensor | None:
    """Return masks (count, S, S) bool of random objects of a label crop, or None.

    Objects repeat where there are fewer than `count`.
    """
    ids, areas = labels.unique(return_counts=True)
    ids = ids[(ids > 0) & (areas >= min_area)]
    if not len(ids):
        return None
    order = torch.randperm(max(len(ids), count), device=labels.device)[:count]
    masks: Tensor = labels[None] == ids[order % len(ids)][:, None, None]
    return masks


class Targets(NamedTuple):
    """Masks to learn, and their area in cells of 2 x 2 and 4 x 4 pixels.

    Attributes
    ----------
    masks : Tensor
        (B, S, S) bool.
    half, quarter : Tensor
        (B, 1, S/2, S/2) and (B, 1, S/4, S/4) float32, covered share of each cell.
    """

    masks: Tensor
    half: Tensor
    quarter: Tensor

    @classmethod
    def of(cls, masks: Tensor) -> Targets:
        """Compute the areas of (B, S, S) bool masks."""
        half = F.avg_pool2d(masks[:, None].float(), 2)
        return cls(masks, half, F.avg_pool2d(half, 2))


def random_points(
    region: Tensor, area: Tensor, weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Draw one random (x, y) inside each bool region (B, S, S).

    A cell is drawn first, then one of its pixels, which costs a sixteenth of
    drawing among all pixels.

    Parameters
    ----------
    region : Tensor
        (B, S, S) bool.
    area : Tensor
        (B, n, n) float32, share of each cell of S/n x S/n pixels in the region.
    weight : Tensor, optional
        (B, n, n): the chance of a pixel is proportional to its cell's weight.

    Returns
    -------
    points, valid : Tensor
        (B, 2) float32 and (B,) bool, False where the region is empty.
    """
    b, n = area.shape[:2]
    chances = area if weight is None else area * weight
    # Inverse of the cumulative distribution, in float64 so that rounding never
    # gives a cell of chance 0.
    cumulative = chances.flatten(1).cumsum(1, dtype=torch.float64)
    total = cumulative[:, -1:]
    drawn = torch.searchsorted(cumulative, torch.rand_like(total) * total, right=True)
    cell = drawn[:, 0].clamp(max=n * n - 1)
    y, x = cell // n, cell % n
    side = region.shape[-1] // n
    cells = region.reshape(b, n, side, n, side)
    block = cells[torch.arange(b, device=region.device), y, :, x].flatten(1)
    inside = (torch.rand(block.shape, device=region.device) * block).argmax(1)
    points = torch.stack([x * side + inside % side, y * side + inside // side], 1)
    return points.float(), total[:, 0] > 0


def inner_depth(area: Tensor, steps: int = 3) -> Tensor:
    """Compute a coarse distance transform of the regions.

    Approximates a chessboard distance transform by a few erosions, and squares it: as
    sampling weights these make points near the centre of a region more likely.

    Parameters
    ----------
    area : Tensor
        (B, n, n) float32, covered share of each cell.
    steps : int
        Erosions, by 1, 2, ... cells one after the other.
    """
    full = (area >= 1).float()[:, None]
    total = full.clone()
    for i in range(steps):
        r = 2 * i + 3  # a square is two lines
        full = 1 - F.max_pool2d(1 - full, (r, 1), 1, (r // 2, 0))
        full = 1 - F.max_pool2d(1 - full, (1, r), 1, (0, r // 2))
        total = total + r * full
    return (total[:, 0] + 1) ** 2


def boxes_of(masks: Tensor) -> Tensor:
    """Return tight boxes (B, 4) of (B, S, S) masks: x0, y0, x1, y1 of pixel borders."""
    side = masks.shape[-1]
    cols, rows = masks.any(1).float(), masks.any(2).float()
    x0, y0 = cols.argmax(1), rows.argmax(1)
    x1 = side - cols.flip(1).argmax(1)
    y1 = side - rows.flip(1).argmax(1)
    return torch.stack([x0, y0, x1, y1], 1).float() - 0.5


def loose_boxes(masks: Tensor) -> Tensor:
    """Add noise to boxes: sigma 10 % of the side, at most 20 px (SAM paper)."""
    boxes = boxes_of(masks)
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    noise = torch.randn_like(boxes) * 0.1 * sides * torch.rand_like(boxes[:, :1])
    return boxes + noise.clamp(-20, 20)


def rough_masks(area: Tensor) -> Tensor:
    """Make mask prompts (B, 1, S/4, S/4), logits: low-resolution target, noisy rim.

    HQ-SAM paper, section 3.3: Gaussian noise where the mask differs from itself
    sampled down and up again.

    Parameters
    ----------
    area : Tensor
        (B, 1, S/4, S/4), `Targets.quarter`.
    """
    side = area.shape[-1]
    coarse = F.interpolate(
        area, (max(side // 8, 1),) * 2, mode="bilinear", antialias=True
    )
    coarse = F.interpolate(coarse, (side, side), mode="bilinear")
    rim = (area - coarse).abs() >= 0.01
    noisy = area + torch.randn_like(area) * rim
    return (noisy > 0.5).float() * 16 - 8


def first_prompts(targets: Targets, clicks: float = 0.42) -> PromptTokens:
    """Draw a first prompt for each target: click, box, both, or mask.

    A fraction `clicks` is a single click; of the rest two thirds are boxes, a
    tenth has click and box, and the others a rough mask, some with a click.
    """
    masks, area = targets.masks, targets.quarter[:, 0]
    b, device = len(masks), masks.device
    points, _ = random_points(masks, area, inner_depth(area))
    plain, _ = random_points(masks, area)
    points = torch.where(torch.rand(b, 1, device=device) < 0.6, points, plain)
    boxes = loose_boxes(masks)
    lone = torch.rand(b, device=device) < clicks
    kind = torch.rand(b, device=device)
    with_point = lone | (kind < 0.1) | (kind >= 0.87)
    with_box = ~lone & (kind < 0.79)
    with_mask = ~lone & (kind >= 0.79)
    coords = torch.zeros(b, 3, 2, device=device)
    labels = torch.full((b, 3), PAD, device=device)
    coords[:, 0] = points
    labels[:, 0] = torch.where(with_point, POSITIVE, PAD)
    coords[:, 1:] = boxes.reshape(b, 2, 2)
    labels[:, 1] = torch.where(with_box, BOX_FIRST, PAD)
    labels[:, 2] = torch.where(with_box, BOX_SECOND, PAD)
    labels[:, 1] = torch.where(with_point & ~with_box, NOT_A_POINT, labels[:, 1])
    coords[:, 1] *= labels[:, 1:2] != NOT_A_POINT
    return PromptTokens(coords, labels, rough_masks(targets.quarter), with_mask)


def corrected(
    prompts: PromptTokens, logits: Tensor, targets: Targets, *, central: bool = False
) -> PromptTokens:
    """Add a click on the error, and the earlier logits as mask prompt.

    Parameters
    ----------
    prompts : PromptTokens
        The prompts so far.
    logits : Tensor
        (B, 1, S/4, S/4) output for them.
    targets : Targets
        Masks to learn.
    central : bool
        Click in the middle of the error, as in evaluation, not at a random pixel.
    """
    masks = targets.masks
    full = F.interpolate(logits.float(), masks.shape[-2:], mode="bilinear")[:, 0] > 0
    missed, surplus = Targets.of(masks & ~full), Targets.of(full & ~masks)
    both = torch.stack([missed.quarter[:, 0], surplus.quarter[:, 0]])
    if central:
        both = torch.stack([missed.half[:, 0], surplus.half[:, 0]])
    error = missed.masks | surplus.masks
    depth = inner_depth(both.flatten(0, 1), 4 if central else 3)
    depth = depth.unflatten(0, both.shape[:2]).sum(0)
    points, valid = random_points(error, both.sum(0), depth**4 if central else depth)
    xy = points.long()
    positive = masks[torch.arange(len(masks), device=masks.device), xy[:, 1], xy[:, 0]]
    label = torch.where(positive, POSITIVE, NEGATIVE)
    label = torch.where(valid, label, PAD)
    # The click comes last; points without a box end with SAM's "not a point".
    labels = prompts.labels
    alone = (labels >= POSITIVE).any(1) | valid
    boxed = (labels == BOX_FIRST).any(1)
    has_end = (labels == NOT_A_POINT).any(1)
    end = torch.where(alone & ~boxed & ~has_end, NOT_A_POINT, PAD)
    coords = torch.cat(
        [points[:, None], prompts.coords, torch.zeros_like(points)[:, None]], 1
    )
    labels = torch.cat([label[:, None], labels, end[:, None]], 1)
    return PromptTokens(coords, labels, logits.detach().float().clamp(-32, 32))
