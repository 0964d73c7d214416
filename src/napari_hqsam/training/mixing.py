"""Mix crops: copy-paste and mosaics.

A few hundred images show the same objects in the same surroundings again and
again; both mix what one data set has and keep labels exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_hqsam.training.crops import Crop

if TYPE_CHECKING:
    import numpy as np

FEATHER = 3
"""Pixels over which a pasted object fades into its surroundings."""


def paste(crop: Crop, donor: Crop, rng: np.random.Generator, most: int = 6) -> Crop:
    """Copy some objects of a crop onto another of the same size.

    Each takes its surroundings of a pixel or two along and fades into the ground.
    Objects that they cover lose those pixels. Ghiasi et al., "Simple Copy-Paste is
    a Strong Data Augmentation Method for Instance Segmentation" (CVPR 2021).

    Parameters
    ----------
    crop, donor : Crop
        Crops of one data set.
    rng : numpy.random.Generator
        Random generator.
    most : int
        Objects pasted at most.
    """
    shift = tuple(int(v) for v in rng.integers(-40, 41, 2))
    labels = _shifted(donor.labels, shift)
    ids = labels.unique()
    ids = ids[ids > 0]
    if not len(ids):
        return crop
    count = int(rng.integers(1, most + 1))
    order = torch.from_numpy(rng.permutation(len(ids))[:count])
    chosen = ids[order.to(ids.device)]
    mask = torch.isin(labels, chosen)
    alpha = mask[None, None].float()
    alpha = F.max_pool2d(alpha, 3, 1, 1)
    alpha = F.avg_pool2d(alpha, FEATHER, 1, FEATHER // 2, count_include_pad=False)[0]
    alpha = torch.maximum(alpha, mask[None].float())
    pixels = torch.stack([_shifted(c, shift) for c in donor.image])
    image = alpha * pixels + (1 - alpha) * crop.image
    merged = torch.where(mask, labels + int(crop.labels.max()), crop.labels)
    return Crop(image, merged, crop.full and donor.full, crop.name)


def _shifted(plane: Tensor, shift: tuple[int, ...]) -> Tensor:
    """Shift a (S, S) plane by (y, x) pixels, filling with 0."""
    moved = torch.zeros_like(plane)
    h, w = plane.shape
    (ty, sy), (tx, sx) = (
        (slice(max(d, 0), n + min(d, 0)), slice(max(-d, 0), n - max(d, 0)))
        for d, n in zip(shift, (h, w), strict=True)
    )
    moved[ty, tx] = plane[sy, sx]
    return moved


def mosaic(crop: Crop, other: Crop, rng: np.random.Generator) -> Crop:
    """Put a part of another crop beside a crop, split at a random line.

    Parameters
    ----------
    crop, other : Crop
        Crops of one data set and one size.
    rng : numpy.random.Generator
        Random generator.
    """
    side = crop.labels.shape[-1]
    split = int(rng.integers(side // 4, 3 * side // 4))
    image, labels = crop.image.clone(), crop.labels.clone()
    rest, whole = slice(split, None), slice(None)
    part = (whole, rest) if rng.random() < 0.5 else (rest, whole)
    image[(slice(None), *part)] = other.image[(slice(None), *part)]
    taken = other.labels[part]
    labels[part] = torch.where(taken > 0, taken + int(labels.max()), taken)
    return Crop(image, labels, crop.full and other.full, crop.name)
