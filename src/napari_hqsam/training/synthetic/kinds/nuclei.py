"""Clumped nuclei in fluorescence: every nucleus is an object, bright on dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw nuclei with chromatin texture and nucleoli; some bright, some dim."""
    radius = float(np.exp(rng.uniform(np.log(5), np.log(32))))
    spread, rough = rng.uniform(0.05, 0.3), rng.uniform(0.0, 0.09)
    long = rng.uniform(1.0, 1.7)

    def nucleus() -> shapes.Piece:
        r = radius * np.exp(rng.normal(0, spread))
        return shapes.blob(rng, r, rng.uniform(1, long), rough)

    count = int(np.clip(rng.uniform(0.25, 1.1) * (SIDE / (2.2 * radius)) ** 2, 4, 110))
    clumps = int(rng.choice([0, 0, max(2, count // 9)]))
    labels = shapes.scatter(
        rng, nucleus, count, rng.uniform(0.0, 0.35), clumps, 2.2 * radius
    )
    level = optics.per_object(rng, labels, rng.uniform(0.1, 0.45))
    depth = optics.depth(labels)
    profile = 1 - rng.uniform(0.3, 0.7) * np.exp(-depth / (0.18 * radius + 0.5))
    grain = rng.uniform(0.08, 0.3)
    chromatin = 1 + grain * smooth(rng, max(0.8, radius * rng.uniform(0.08, 0.2)))
    if rng.random() < 0.5:  # nucleoli take no DNA stain
        spots = smooth(rng, radius * 0.17) > 1.6
        chromatin = chromatin - rng.uniform(0.2, 0.5) * blur(spots, 0.8)
    elif rng.random() < 0.4:  # chromocentres, as in mouse nuclei
        spots = smooth(rng, radius * 0.1) > 1.9
        chromatin = chromatin + rng.uniform(0.4, 1.0) * blur(spots, 0.7)
    light = level * profile * np.clip(chromatin, 0.3, None)
    sharp = blur(light, rng.uniform(0.5, 0.5 + 0.06 * radius))
    if rng.random() < 0.4:
        sharp = optics.partly_defocused(rng, sharp, 1 + 0.12 * radius)
    haze = blur(light, 1.2 * radius) * rng.uniform(0.02, 0.35)
    ground = rng.uniform(0, 0.1) * (1 + 0.5 * smooth(rng, 30))
    image = (sharp + haze + ground) * optics.illumination(rng, rng.uniform(0, 0.4))
    return optics.expose(rng, image, low=0.0), labels
