"""Large flat discs and ellipses under strong noise, brighter or darker; each an object.

Droplets, beads, vesicles, phantoms: objects without texture. Real data sets hold few of
them, and a network trained on those alone takes a flat noisy area for background.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw objects of mixed sizes with one contrast, on a flat ground."""
    largest = float(np.exp(rng.uniform(np.log(14), np.log(110))))
    rough = rng.choice([0.0, 0.0, 0.05])

    def disc() -> shapes.Piece:
        r = largest * rng.uniform(0.5, 1)
        return shapes.blob(rng, r, rng.choice([1.0, rng.uniform(1, 2)]), rough)

    count = int(np.clip(rng.uniform(0.3, 1) * (SIDE / (2 * largest)) ** 2, 1, 40))
    labels = shapes.scatter(rng, disc, count + 1)
    contrast = rng.uniform(0.15, 0.6)
    ground = rng.uniform(0.05, 0.95 - contrast)
    light = optics.per_object(rng, labels, rng.choice([0.0, 0.15]), 0.7)
    image = blur(light, rng.uniform(0.3, 2.5)) * contrast
    image = ground + contrast - image if rng.random() < 0.3 else ground + image
    noise = rng.choice([0.0, rng.uniform(0, 0.13)])
    sharp = rng.choice([0.0, 0.0, 0.7])
    return optics.camera(rng, image, 0.3 * noise, noise, sharp), labels
