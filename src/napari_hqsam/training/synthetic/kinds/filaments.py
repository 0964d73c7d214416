"""Filaments in fluorescence, bright on dark; each is an object.

Where two cross, the pixels belong to the one drawn first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw filaments of one width: microtubules, flagella, fibres, hyphae."""
    labels = np.zeros((SIDE, SIDE), np.int32)
    radius = float(np.exp(rng.uniform(np.log(1.0), np.log(5.0))))
    bend, mean = rng.uniform(0.1, 1.6), rng.uniform(50, 260)
    crossing = rng.choice([0.0, 0.08, 0.15])
    for index in range(1, int(rng.integers(4, max(8, int(45 / radius)))) + 1):
        points = shapes.track(rng, mean * rng.uniform(0.6, 1.4), bend, 12 + 4 * radius)
        piece = shapes.tube(points - points[len(points) // 2], radius)
        shapes.paste(labels, piece, rng.uniform(0, SIDE, 2), index, crossing, 30)
    # crossed ones stay whole: numbered densely, not split
    dense = np.unique(labels, return_inverse=True)[1]
    labels = dense.reshape(SIDE, SIDE).astype(np.int32)
    level = optics.per_object(rng, labels, rng.uniform(0.05, 0.35))
    beads = np.clip(1 + rng.uniform(0, 0.3) * smooth(rng, 2 + radius), 0.4, 1.8)
    light = level * beads
    if radius > 2.2 and rng.random() < 0.5:
        light = light * (0.3 + 0.7 * optics.dome(optics.depth(labels), radius))
    image = blur(light, rng.uniform(0.4, 0.7 + 0.25 * radius))
    image = image + rng.uniform(0, 0.3) * blur(light, 8)
    if rng.random() < 0.3:
        image = optics.partly_defocused(rng, image, 1 + 0.4 * radius)
    image = image + rng.uniform(0, 0.06) * smooth(rng, rng.uniform(1, 25))
    image = image * optics.illumination(rng, rng.uniform(0, 0.4))
    return optics.expose(rng, image), labels
