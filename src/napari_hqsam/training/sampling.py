"""Prompts as a user would give them: clicks, loose boxes, rough masks, corrections.

All on the device of the target masks, without loops over prompts. Sources: SAM
paper, appendix A ("Making the model promptable", "Training algorithm");
HQ-SAM paper, section 3.3.
"""

from __future__ import annotations

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
    """Masks (count, S, S) bool of random objects of a label crop, or None.

    Objects repeat where there are fewer than `count`.
    """
    ids, areas = labels.unique(return_counts=True)
    ids = ids[(ids > 0) & (areas >= min_area)]
    if not len(ids):
        return None
    order = torch.randperm(max(len(ids), count), device=labels.device)[:count]
    masks: Tensor = labels[None] == ids[order % len(ids)][:, None, None]
    return masks


def random_points(region: Tensor, depth: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """One random (x, y) inside each bool region (B, S, S).

    Parameters
    ----------
    region : Tensor
        (B, S, S) bool.
    depth : Tensor, optional
        (B, S, S) weights: the chance of a pixel is proportional to it.

    Returns
    -------
    points, valid : Tensor
        (B, 2) float32 and (B,) bool, False where the region is empty.
    """
    weight = region.float() if depth is None else region * depth
    noise = torch.empty_like(weight).exponential_()
    flat = (weight / noise.clamp(min=1e-9)).flatten(1)  # exponential race
    best = flat.argmax(1)
    side = region.shape[-1]
    return torch.stack([best % side, best // side], 1).float(), region.flatten(1).any(1)


def inner_depth(mask: Tensor, steps: int = 4) -> Tensor:
    """How deep a pixel lies inside (B, S, S) masks: a coarse distance transform.

    Squared sum of erosions by growing squares at half the resolution (cheap
    enough for every step), so that centres are likelier.
    """
    half = -F.max_pool2d(-mask.float()[:, None], 2)
    total = half.clone()
    for i in range(steps):
        r = 2 * i + 3  # a square is two lines
        half = 1 - F.max_pool2d(1 - half, (r, 1), 1, (r // 2, 0))
        half = 1 - F.max_pool2d(1 - half, (1, r), 1, (0, r // 2))
        total = total + r * half
    full = F.interpolate(total, mask.shape[-2:], mode="nearest")[:, 0]
    return ((full + 1) * mask) ** 2


def boxes_of(masks: Tensor) -> Tensor:
    """Tight boxes (B, 4), x0, y0, x1, y1 of pixel borders, of (B, S, S) masks."""
    side = masks.shape[-1]
    cols, rows = masks.any(1).float(), masks.any(2).float()
    x0, y0 = cols.argmax(1), rows.argmax(1)
    x1 = side - cols.flip(1).argmax(1)
    y1 = side - rows.flip(1).argmax(1)
    return torch.stack([x0, y0, x1, y1], 1).float() - 0.5


def loose_boxes(masks: Tensor) -> Tensor:
    """Boxes with noise: sigma 10 % of the side, at most 20 px (SAM paper)."""
    boxes = boxes_of(masks)
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    noise = torch.randn_like(boxes) * 0.1 * sides * torch.rand_like(boxes[:, :1])
    return boxes + noise.clamp(-20, 20)


def rough_masks(masks: Tensor) -> Tensor:
    """Mask prompts (B, 1, S/4, S/4), logits: target at low resolution with a noisy rim.

    HQ-SAM paper, section 3.3: Gaussian noise where the mask differs from itself
    sampled down and up again.
    """
    side = masks.shape[-1] // 4
    x = F.interpolate(masks[:, None].float(), (side, side), mode="area")
    coarse = F.interpolate(x, (max(side // 8, 1),) * 2, mode="bilinear", antialias=True)
    coarse = F.interpolate(coarse, (side, side), mode="bilinear")
    rim = (x - coarse).abs() >= 0.01
    noisy = x + torch.randn_like(x) * rim
    return (noisy > 0.5).float() * 16 - 8


def first_prompts(masks: Tensor, clicks: float = 0.42) -> PromptTokens:
    """Draw a first prompt for each (B, S, S) target: click, box, both, or mask.

    A share of `clicks` is a lone click; of the rest two thirds are boxes, a
    tenth has click and box, and the others a rough mask, some with a click.
    """
    b, device = len(masks), masks.device
    points, _ = random_points(masks, inner_depth(masks))
    plain, _ = random_points(masks)
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
    return PromptTokens(coords, labels, rough_masks(masks), with_mask)


def corrected(
    prompts: PromptTokens, logits: Tensor, masks: Tensor, *, central: bool = False
) -> PromptTokens:
    """Add a click on the error, and the earlier logits as mask prompt.

    Parameters
    ----------
    prompts : PromptTokens
        The prompts so far.
    logits : Tensor
        (B, 1, S/4, S/4), the answer to them.
    masks : Tensor
        (B, S, S) bool targets.
    central : bool
        Click in the middle of the error, as evaluation does, not at random.
    """
    full = F.interpolate(logits.float(), masks.shape[-2:], mode="bilinear")[:, 0] > 0
    missed, surplus = masks & ~full, full & ~masks
    error = missed | surplus
    depth = inner_depth(missed) + inner_depth(surplus)
    points, valid = random_points(error, depth**4 if central else depth)
    xy = points.long()
    positive = masks[torch.arange(len(masks), device=masks.device), xy[:, 1], xy[:, 0]]
    label = torch.where(positive, POSITIVE, NEGATIVE)
    label = torch.where(valid, label, PAD)
    # A click ends the points; SAM's "not a point" follows points without a box.
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
