"""A quick look at quality on images kept from training, data set by data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_hqsam.network.prompt_encoder import (
    BOX_FIRST,
    BOX_SECOND,
    NOT_A_POINT,
    POSITIVE,
    PromptTokens,
)
from napari_hqsam.network.transforms import PIXEL_MEAN, PIXEL_STD
from napari_hqsam.training.data import Dataset, sample_crop
from napari_hqsam.training.losses import soft_iou
from napari_hqsam.training.sampling import (
    boxes_of,
    corrected,
    inner_depth,
    pick_objects,
    random_points,
)

if TYPE_CHECKING:
    from napari_hqsam.network import HQSAM


def click(masks: Tensor) -> PromptTokens:
    """Give one click at the middle of each target."""
    points, _ = random_points(masks, inner_depth(masks, 8) ** 4)
    coords = torch.stack([points, torch.zeros_like(points)], 1)
    labels = torch.tensor([[POSITIVE, NOT_A_POINT]], device=masks.device)
    return PromptTokens(coords, labels.expand(len(masks), -1))


def box(masks: Tensor) -> PromptTokens:
    """Give the tight box of each target."""
    coords = boxes_of(masks).reshape(-1, 2, 2)
    labels = torch.tensor([[BOX_FIRST, BOX_SECOND]], device=masks.device)
    return PromptTokens(coords, labels.expand(len(masks), -1))


@torch.no_grad()
def validate(
    network: HQSAM, datasets: list[Dataset], crops: int = 6, side: int = 448
) -> dict[str, dict[str, float]]:
    """Mean IoU of random crops of the inference size, seeded.

    Parameters
    ----------
    network : HQSAM
        In eval mode.
    datasets : list of Dataset
        Validation images.
    crops, side : int
        Crops a data set, and their side.

    Returns
    -------
    dict
        Per data set, and for their mean under "mean": IoU for ``box``,
        ``click`` (each of SAM + HQ), ``box_sam``, ``click_sam`` and
        ``clicks3`` (two corrections).
    """
    results: dict[str, dict[str, float]] = {}
    for dataset in datasets:
        rng = np.random.default_rng(1)
        torch.manual_seed(1)
        scores: dict[str, list[Tensor]] = {}
        for i in range(crops):
            item = dataset.images[i % len(dataset.images)]
            crop = sample_crop(item, side, rng, (24.0, 200.0))
            masks = pick_objects(crop.labels, 8)
            if masks is None:
                continue
            mean = crop.image.new_tensor(PIXEL_MEAN)[:, None, None] / 255
            std = crop.image.new_tensor(PIXEL_STD)[:, None, None] / 255
            tile = network.prepare(*network.encode(((crop.image - mean) / std)[None]))
            for name, first in (("box", box(masks)), ("click", click(masks))):
                prompts = first
                for clicks in range(3 if name == "click" else 1):
                    out = network.decode(tile, prompts)
                    assert out.hq is not None
                    sam, both = out.sam[:, :1], out.sam[:, :1] + out.hq
                    key = name if clicks == 0 else f"clicks{clicks + 1}"
                    scores.setdefault(key, []).append(_iou(both, masks))
                    scores.setdefault(f"{key}_sam", []).append(_iou(sam, masks))
                    prompts = corrected(prompts, sam, masks, central=True)
        if scores:
            results[dataset.name] = {
                k: round(float(torch.cat(v).mean()), 4) for k, v in scores.items()
            }
    keys = next(iter(results.values())).keys() if results else ()
    results["mean"] = {
        k: round(float(np.mean([r[k] for r in results.values()])), 4) for k in keys
    }
    return results


def _iou(logits: Tensor, masks: Tensor) -> Tensor:
    full = F.interpolate(logits.float(), masks.shape[-2:], mode="bilinear")[:, 0]
    return soft_iou(full, masks.float())
