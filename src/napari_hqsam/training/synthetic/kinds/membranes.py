"""Cells with bright membranes that touch; each whole cell is an object.

A membrane thin enough to be a line is shared by the labels of its two cells; a
wall with a width of its own, as of plants, is background.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw an epithelium or a plant tissue; a fifth also has stained nuclei."""
    spacing = float(np.exp(rng.uniform(np.log(14), np.log(80))))
    cells, margin = shapes.voronoi(
        rng, spacing, rng.uniform(0, 0.25), rng.uniform(1, 2.2), rng.uniform(0, 1)
    )
    walls = rng.random() < 0.3
    thick = max(2.2, spacing * rng.uniform(0.05, 0.11)) if walls else 0.0
    labels = np.where(margin >= thick, cells, 0).astype(np.int32)
    if rng.random() < 0.4:  # the sheet ends: cells outside an outline are left out
        outline = smooth(rng, 60) > rng.uniform(-0.6, 0.4)
        area = np.bincount(cells.ravel()) + 1e-9
        kept = np.bincount(cells.ravel(), outline.ravel()) / area > 0.5
        if (
            2 < kept.sum()
            and np.bincount(cells.ravel(), minlength=len(kept))[kept].sum() > 4000
        ):
            labels[~kept[cells]] = 0
    labels = shapes.tidy(labels, 30)
    patches = np.clip(1 + rng.uniform(0.05, 0.35) * smooth(rng, 0.25 * spacing), 0.5, 2)
    cytoplasm = optics.per_object(rng, labels, 0.3) * rng.uniform(0.02, 0.22)
    cytoplasm = cytoplasm * (1 + 0.25 * smooth(rng, 0.06 * spacing + 0.6))
    if walls:
        near = optics.distance(labels)
        wall = (labels == 0) & (near <= 2 * thick + 1)
        light = cytoplasm + wall * patches
    else:
        depth = optics.depth(labels)
        width = rng.uniform(0.8, 1.0 + 0.02 * spacing)
        light = cytoplasm + (labels > 0) * np.exp(-((depth / width) ** 2)) * patches
    nuclei = np.zeros_like(light)
    stained = rng.random() < 0.35
    if stained:
        far = optics.depth(labels) if walls else depth
        size = rng.uniform(0.24, 0.32) * spacing
        nuclei = blur(far + 0.06 * spacing * smooth(rng, 0.2 * spacing) > size, 0.8)
        nuclei = nuclei * (1 + 0.2 * smooth(rng, 0.05 * spacing + 0.6))
    sigma = rng.uniform(0.4, 1.3)
    membrane = blur(light, sigma) + rng.uniform(0, 0.25) * blur(
        light, 0.15 * spacing + 1
    )
    if rng.random() < 0.3:
        membrane = optics.partly_defocused(rng, membrane, 1 + 0.05 * spacing)
    light = optics.illumination(rng, rng.uniform(0, 0.5))
    ground = rng.uniform(0, 0.08)
    if not stained:
        return optics.expose(rng, (membrane + ground) * light, low=0.0), labels
    order = rng.permutation(3)  # membrane in one colour, nuclei in another
    colours = np.zeros((SIDE, SIDE, 3), np.float32)
    colours[..., order[0]] = membrane
    colours[..., order[1]] = rng.uniform(0.4, 0.9) * nuclei
    colours[..., order[2]] = rng.uniform(0, 1) * membrane
    return optics.expose(rng, (colours + ground) * light[..., None], low=0.0), labels
