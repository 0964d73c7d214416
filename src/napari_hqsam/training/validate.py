"""Score a network quickly on crops of validation images, by data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_hqsam.masks.metrics import boundary_ious, boundary_width
from napari_hqsam.network.prompt_encoder import (
    BOX_FIRST,
    BOX_SECOND,
    NOT_A_POINT,
    POSITIVE,
    PromptTokens,
)
from napari_hqsam.network.transforms import PIXEL_MEAN, PIXEL_STD
from napari_hqsam.training.crops import sample_crop
from napari_hqsam.training.losses import soft_iou
from napari_hqsam.training.sampling import (
    Targets,
    boxes_of,
    corrected,
    inner_depth,
    pick_objects,
    random_points,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.datasets.labelled import Dataset
    from napari_hqsam.network import HQSAM
    from napari_hqsam.network.mask_decoder import Decoded


def click(targets: Targets) -> PromptTokens:
    """Give one click at the middle of each target."""
    area = targets.half[:, 0]
    points, _ = random_points(targets.masks, area, inner_depth(area, 8) ** 4)
    coords = torch.stack([points, torch.zeros_like(points)], 1)
    labels = torch.tensor([[POSITIVE, NOT_A_POINT]], device=area.device)
    return PromptTokens(coords, labels.expand(len(area), -1))


def box(masks: Tensor) -> PromptTokens:
    """Give the tight box of each target."""
    coords = boxes_of(masks).reshape(-1, 2, 2)
    labels = torch.tensor([[BOX_FIRST, BOX_SECOND]], device=masks.device)
    return PromptTokens(coords, labels.expand(len(masks), -1))


@torch.no_grad()
def validate(
    network: HQSAM,
    datasets: Sequence[Dataset],
    crops: int = 6,
    *,
    clicks: int = 3,
    boundary: bool = False,
) -> dict[str, dict[str, float]]:
    """Compute mean scores on random crops of the inference size, seeded.

    Parameters
    ----------
    network : HQSAM
        In eval mode.
    datasets : sequence of Dataset
        Validation images.
    crops : int
        Crops per data set.
    clicks : int
        Number of clicks, the first and the corrections.
    boundary : bool
        Also boundary IoU, at 0.02 of the crop's diagonal and at 2 px (slower).

    Returns
    -------
    dict
        Per data set, and for their mean under "mean": IoU for ``box``, ``click``,
        ``clicks2``, ... of SAM + HQ, and with ``_sam`` and ``_hq`` added of these
        alone; boundary IoU with ``_boundary`` and ``_2px`` added to all that.
    """
    side = network.input_size
    results: dict[str, dict[str, float]] = {}
    for dataset in datasets:
        rng = np.random.default_rng(1)
        torch.manual_seed(1)
        scores: dict[str, list[float]] = {}
        for i in range(crops):
            item = dataset.images[i % len(dataset.images)]
            crop = sample_crop(item, side, rng, (24.0, 200.0))
            masks = pick_objects(crop.labels, 8)
            if masks is None:
                continue
            mean = crop.image.new_tensor(PIXEL_MEAN)[:, None, None] / 255
            std = crop.image.new_tensor(PIXEL_STD)[:, None, None] / 255
            tile = network.prepare(*network.encode(((crop.image - mean) / std)[None]))
            targets = Targets.of(masks)
            for name, first in (("box", box(masks)), ("click", click(targets))):
                prompts = first
                for count in range(1, (clicks if name == "click" else 1) + 1):
                    out = network.decode(tile, prompts)
                    key = name if count == 1 else f"clicks{count}"
                    for suffix, logits in _outputs(out).items():
                        for more, values in _scores(logits, masks, boundary).items():
                            scores.setdefault(key + suffix + more, []).extend(values)
                    prompts = corrected(prompts, out.sam[:, :1], targets, central=True)
        if scores:
            results[dataset.name] = {
                k: round(float(np.mean(v)), 4) for k, v in scores.items()
            }
    keys = next(iter(results.values())).keys() if results else ()
    results["mean"] = {
        k: round(float(np.mean([r[k] for r in results.values()])), 4) for k in keys
    }
    return results


def _outputs(out: Decoded) -> dict[str, Tensor]:
    """Return logits (B, 1, h, w) of each output, by the suffix of its scores' names."""
    assert out.hq is not None
    sam = out.sam[:, :1]
    return {"": sam + out.hq, "_sam": sam, "_hq": out.hq}


def _scores(logits: Tensor, masks: Tensor, boundary: bool) -> dict[str, list[float]]:
    """Compute the scores of each of (B, S, S) masks, by the suffix of their names."""
    full = F.interpolate(logits.float(), masks.shape[-2:], mode="bilinear")[:, 0]
    scores = {"": soft_iou(full, masks.float()).tolist()}
    if boundary:
        found, truth = (full > 0).cpu().numpy(), masks.cpu().numpy()
        widths = boundary_width(truth.shape[-2:]), 2
        pairs = zip(found, truth, strict=True)
        rows = [boundary_ious(a, b, widths) for a, b in pairs]
        scores["_boundary"], scores["_2px"] = map(list, zip(*rows, strict=True))
    return scores
