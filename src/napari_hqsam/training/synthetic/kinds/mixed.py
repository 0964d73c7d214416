"""Plain shapes, bright on dark: blobs, rods or rings with random contrast.

They belong to no kind of specimen, so that the model generalises beyond those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur, fractal, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ring(rng: np.random.Generator, radius: float, share: float) -> shapes.Piece:
    """Draw a blob with its middle left out."""
    whole = shapes.blob(rng, radius, rng.uniform(1, 1.3), 0.04)
    deep = ndimage.distance_transform_edt(whole.mask)
    return whole._replace(mask=whole.mask & (deep < max(2.5, radius * share)))


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw one kind of shape with one kind of contrast."""
    radius = float(np.exp(rng.uniform(np.log(5), np.log(45))))
    spread, form = rng.uniform(0, 0.4), rng.integers(4)
    share, rough = rng.uniform(0.2, 0.45), rng.uniform(0.05, 0.2)

    def piece() -> shapes.Piece:
        r = radius * np.exp(rng.normal(0, spread))
        if form == 0:
            return ring(rng, r, share)
        if form == 1:
            spine = shapes.track(rng, 2.5 * r, 2.0, r)[:: max(1, int(r / 10))]
            return shapes.tube(spine - spine.mean(0), max(1.8, share * r))
        return shapes.blob(rng, r, rng.uniform(1, 2.2), rough)

    count = int(np.clip(rng.uniform(0.2, 0.9) * (SIDE / (2 * radius)) ** 2, 2, 110))
    overlap = rng.choice([0.0, 0.15]) * (form != 0)
    labels = shapes.scatter(rng, piece, count, overlap)
    inside = labels > 0
    level = optics.per_object(rng, labels, rng.uniform(0, 0.25), 0.65)
    light = level + inside * rng.uniform(0, 0.2) * smooth(rng, rng.uniform(0.8, 6))
    if rng.random() < 0.4:
        depth = optics.depth(labels)
        light = light + inside * rng.uniform(-0.3, 0.5) * np.exp(-depth / 2.5)
    else:  # touching objects are separated by a faint seam
        light = light * (0.75 + 0.25 * np.minimum(optics.depth(labels) / 2, 1))
    image = blur(light, rng.uniform(0.3, 1.5))
    if rng.random() < 0.3:
        image = optics.partly_defocused(rng, image, 2.5)
    image = image + rng.uniform(0, 0.1) * fractal(rng, rng.uniform(0.8, 1.8))
    image = image + rng.uniform(0, 0.06) * smooth(rng, rng.uniform(10, 60))
    return optics.expose(rng, image * optics.illumination(rng, 0.3)), labels
