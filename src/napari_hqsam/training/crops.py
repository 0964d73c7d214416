"""Random crops of labelled images, with their objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.datasets.labelled import LabelledImage


@dataclass
class Crop:
    """A crop of an image: (3, S, S) float in 0..1 and (S, S) int32 labels."""

    image: Tensor
    labels: Tensor
    full: bool
    name: str


def sample_crop(
    item: LabelledImage,
    side: int,
    rng: np.random.Generator,
    sizes: tuple[float, float] = (10.0, 200.0),
    *,
    elastic: float = 0.0,
) -> Crop:
    """Crop around a random object, scaled to a random size, turned and flipped.

    Parameters
    ----------
    item : LabelledImage
        Source.
    side : int
        S.
    rng : numpy.random.Generator
        Random generator.
    sizes : tuple of float
        The object's size in the crop (`LabelledImage.sizes`) is log-uniform
        between these, pixels, as far as magnification stays between 1/8 and 4.
    elastic : float
        Probability of an elastic deformation by a smooth random field.
    """
    chosen = rng.integers(len(item.boxes))
    y0, x0, y1, x1 = item.boxes[chosen]
    h, w = item.labels.shape
    scale = np.exp(rng.uniform(*np.log(sizes))) / item.sizes[chosen]
    # never much more than the image itself, never more than 4-fold magnified
    scale = float(np.clip(scale, max(1 / 8, 0.7 * side / max(h, w)), 4))
    # the crop is centred anywhere in a large object, and near a small one
    room = side / scale
    reach = np.maximum(np.array([y1 - y0, x1 - x0]) - 0.6 * room, 0.35 * room)
    centre = np.array([y0 + y1, x0 + x1]) / 2 + rng.uniform(-0.5, 0.5, 2) * reach
    angle = (
        rng.uniform(0, 2 * np.pi) if rng.random() < 0.4 else rng.integers(4) * np.pi / 2
    )
    flip = rng.choice([-1.0, 1.0])
    stretch = np.exp(rng.uniform(-0.15, 0.15))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag([stretch, flip / stretch]) / scale
    field = (
        elastic_displacement(side, rng) if elastic and rng.random() < elastic else None
    )
    return cut(item, side, matrix, centre, scale, field)


def elastic_displacement(side: int, rng: np.random.Generator) -> Tensor:
    """Draw the displacements of an elastic deformation, (2, side, side) float32.

    y and x in crop pixels. Random displacements on a grid of 5 x 5, interpolated
    bicubically (U-Net, Ronneberger et al. 2015, section 3.1); they are small enough
    that the deformation does not fold.
    """
    nodes = np.clip(rng.standard_normal((1, 2, 5, 5)), -2, 2)
    nodes *= rng.uniform(0.01, 0.025) * side
    size = (side, side)
    return F.interpolate(torch.from_numpy(nodes), size, mode="bicubic")[0].float()


def cut(
    item: LabelledImage,
    side: int,
    matrix: np.ndarray,
    centre: Sequence[float] | np.ndarray,
    scale: float,
    field: Tensor | None = None,
) -> Crop:
    """Resample an image: crop offset (y, x) from its middle -> centre + matrix @ it.

    `field` (2, side, side) moves the offsets first, if given.
    """
    level = int(np.clip(np.floor(-np.log2(scale) + 1e-6), 0, len(item.levels) - 1))
    pixels = item.levels[level]
    h, w = item.labels.shape
    device = pixels.device
    c = torch.arange(side, dtype=torch.float32, device=device) - (side - 1) / 2
    yy, xx = torch.meshgrid(c, c, indexing="ij")
    if field is not None:
        yy, xx = yy + field[0].to(device), xx + field[1].to(device)
    m = [float(v) for v in np.asarray(matrix).ravel()]
    sy = float(centre[0]) + m[0] * yy + m[1] * xx
    sx = float(centre[1]) + m[2] * yy + m[3] * xx
    # grid_sample without align_corners: -1 and 1 are the outer pixel borders
    grid = torch.stack([(2 * sx + 1) / w - 1, (2 * sy + 1) / h - 1], -1)[None]
    image = F.grid_sample(pixels[None].float(), grid, align_corners=False)[0] / 255
    iy, ix = sy.round().long(), sx.round().long()
    inside = (iy >= 0) & (iy < h) & (ix >= 0) & (ix < w)
    labels = item.labels[iy.clamp(0, h - 1), ix.clamp(0, w - 1)] * inside
    return Crop(image.expand(3, -1, -1), labels, item.full, item.name)
