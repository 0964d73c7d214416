"""Losses of SAM (focal, dice, IoU regression) and HQ-SAM (BCE, dice).

Logits (B, ..., h, w) against targets in 0..1 of the same shape; each returns
one number per mask, (B, ...).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from napari_hqsam.training.sampling import Targets


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Compute 1 - 2|PG| / (|P| + |G|) on probabilities, smoothed by one pixel."""
    p = logits.sigmoid().flatten(-2)
    g = target.flatten(-2)
    return 1 - (2 * (p * g).sum(-1) + 1) / (p.sum(-1) + g.sum(-1) + 1)


def focal_loss(logits: Tensor, target: Tensor, gamma: float = 2.0) -> Tensor:
    """Compute the mean of ``(1 - p_t)^gamma BCE`` (RetinaNet, without alpha)."""
    bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    p = logits.sigmoid()
    wrong = p + target - 2 * p * target
    return (wrong**gamma * bce).flatten(-2).mean(-1)


def balanced_bce(logits: Tensor, target: Tensor) -> Tensor:
    """Compute the BCE with equal total weights of object and background.

    Unbalanced, the empty mask is a plateau of the loss for small objects, which
    training from scratch does not leave.
    """
    bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    inside, outside = target.flatten(-2), 1 - target.flatten(-2)
    bce = bce.flatten(-2)
    # at least 2 % of the pixels: a few bright pixels must not outweigh a crop
    floor = 0.02 * bce.shape[-1]
    fg = (bce * inside).sum(-1) / inside.sum(-1).clamp(min=floor)
    bg = (bce * outside).sum(-1) / outside.sum(-1).clamp(min=floor)
    return 0.5 * (fg + bg)


def hard_bce(logits: Tensor, target: Tensor, share: float = 0.125) -> Tensor:
    """Compute the mean BCE of the `share` of pixels with the highest BCE.

    Replaces HQ-SAM's sampling of uncertain points (PointRend): the loss is on the
    boundary and on confident errors, such as the corners of a mask that merely
    copies the prompted box.
    """
    bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    bce = bce.flatten(-2)
    return bce.topk(max(1, int(share * bce.shape[-1])), dim=-1).values.mean(-1)


def soft_iou(logits: Tensor, target: Tensor) -> Tensor:
    """Compute the IoU of the thresholded logits with the target, without gradient."""
    with torch.no_grad():
        p, g = (logits > 0).flatten(-2), (target > 0.5).flatten(-2)
        return (p & g).sum(-1) / (p | g).sum(-1).clamp(min=1)


def mask_loss(logits: Tensor, target: Tensor, balance: float) -> Tensor:
    """Compute dice plus BCE: balanced at `balance` 1, SAM's 20 focal at 0."""
    loss = dice_loss(logits, target)
    if balance > 0:
        loss = loss + balance * balanced_bce(logits, target)
    if balance < 1:
        loss = loss + (1 - balance) * 20 * focal_loss(logits, target)
    return loss


def prompt_loss(
    sam: Tensor, hq: Tensor, iou: Tensor, targets: Targets, balance: float
) -> Tensor:
    """Compute the loss of one decoder output, (B,).

    Mask 0 and the best of the three candidates learn the target (SAM paper:
    only the lowest loss is propagated), the IoU head learns the IoU of all
    four, and the HQ mask learns the target with dice and BCE, balanced at
    `balance` 1 and on the most wrong pixels at 0. SAM's masks are compared at
    the resolution of their logits, as SAM was trained, the HQ mask at twice that.

    Parameters
    ----------
    sam, hq, iou : Tensor
        (B, 4, S/4, S/4), (B, 1, S/4, S/4) and (B, 4).
    targets : Targets
        Masks to learn.
    balance : float
        See `mask_loss`.
    """
    goal = targets.quarter.expand_as(sam)
    each = mask_loss(sam, goal, balance)
    masks = each[:, 0] + each[:, 1:].min(1).values + 0.05 * each[:, 1:].mean(1)
    score = F.mse_loss(iou, soft_iou(sam, goal), reduction="none").mean(1)
    target = targets.half
    hq = F.interpolate(hq, target.shape[-2:], mode="bilinear", align_corners=False)
    fine = dice_loss(hq, target) + balance * balanced_bce(hq, target)
    fine = (fine + (1 - balance) * hard_bce(hq, target))[:, 0]
    return masks + fine + score
