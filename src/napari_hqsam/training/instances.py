"""Loss of the instance decoder.

The same as torch-em's DiceBasedDistanceLoss, on labels at a quarter of the crop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_hqsam.masks.instance_maps import instance_targets

if TYPE_CHECKING:
    from napari_hqsam.training.crops import Crop

CELL = 4
"""Pixels of the crop per pixel of the maps."""


def instance_loss(logits: Tensor, crops: list[Crop]) -> Tensor:
    """Compute the sum of three soft Dice losses, distances inside objects only.

    Parameters
    ----------
    logits : Tensor
        (B, 3, S/4, S/4), of `InstanceDecoder`, for the crops whose labels are
        complete.
    crops : list of Crop
        These crops.
    """
    target = torch.stack(
        [
            torch.from_numpy(instance_targets(c.labels[2::CELL, 2::CELL].cpu().numpy()))
            for c in crops
        ]
    ).to(logits.device)
    inside = target[:, :1]
    weight = torch.cat([torch.ones_like(inside), inside, inside], 1)
    p, t = logits.float().sigmoid() * weight, target * weight
    axes = (0, 2, 3)
    squares = (p * p).sum(axes) + (t * t).sum(axes)
    return (1 - 2 * (p * t).sum(axes) / squares.clamp(min=1e-7)).sum()
