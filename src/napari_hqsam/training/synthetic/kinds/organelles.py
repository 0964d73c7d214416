"""Mitochondria in electron microscopy at high magnification; each is an object.

Darker than the cytoplasm, with a membrane and cristae. Membranes of cells,
vesicles and tubules are texture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur, fractal, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw mitochondria in cytoplasm."""
    radius = float(np.exp(rng.uniform(np.log(9), np.log(32))))
    membranes = rng.random() < 0.6
    _, margin = shapes.voronoi(rng, rng.uniform(5, 9) * radius, 0.25, 1.4, 0.5)
    long = rng.uniform(1.2, 4.0)

    def mitochondrion() -> shapes.Piece:
        r = radius * np.exp(rng.normal(0, 0.2))
        if rng.random() < 0.6:
            spine = shapes.track(rng, r * rng.uniform(1, long), 2.5, 1.5 * r)[::3]
            return shapes.tube(spine - spine.mean(0), 0.6 * r)
        return shapes.blob(
            rng, r, rng.uniform(1, min(long, 2)), rng.uniform(0.02, 0.08)
        )

    blocked = margin < 5 if membranes else None
    count = int(np.clip(rng.uniform(0.2, 0.8) * (SIDE / (2 * radius)) ** 2, 3, 60))
    labels = shapes.scatter(rng, mitochondrion, count, 0.0, blocked=blocked)
    depth, inside = optics.depth(labels), labels > 0
    # cristae: a warped stripe pattern, each mitochondrion in its own direction
    angles = rng.uniform(0, np.pi, int(labels.max()) + 1).astype(np.float32)[labels]
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    period = rng.uniform(4.0, 4.5 + 0.25 * radius)
    wave = (x * np.cos(angles) + y * np.sin(angles)) / period
    wave = wave + rng.uniform(0.2, 0.5) * smooth(rng, 6)
    cristae = np.clip(np.sin(2 * np.pi * wave), -0.3, 1) * (smooth(rng, 7) > -0.6)
    matrix = rng.uniform(0.14, 0.3)
    rim = optics.line(depth, 1.0, 1.1) + 0.6 * optics.line(depth, 4.5, 0.9)
    dark = inside * (matrix + 0.25 * rim) * optics.per_object(rng, labels, 0.12, 0.75)
    away = np.clip(depth / 3 - 1.2, 0, 1)
    dark = dark + rng.uniform(-0.18, 0.2) * cristae * away
    cytoplasm = 0.05 * smooth(rng, 1.2) + 0.04 * fractal(rng, 1.2)
    outside = blur(~inside, 0.7)
    vesicles = optics.line(smooth(rng, 2.6), 1.3, 0.22) * (smooth(rng, 16) > 0.3)
    tubules = optics.line(smooth(rng, 8), 0.0, 0.09) * (smooth(rng, 20) > 0.3)
    texture = 0.22 * vesicles + 0.24 * tubules
    if membranes:
        texture = texture + rng.uniform(0.22, 0.38) * np.exp(-((margin / 1.6) ** 2))
    image = 0.72 + cytoplasm - dark - texture * outside
    image = blur(image, rng.uniform(0.5, 1.2))
    image = image * optics.illumination(rng, rng.uniform(0, 0.15))
    noise = rng.uniform(0.02, 0.1)
    return optics.camera(rng, image, noise, 0.4 * noise, rng.choice([0.0, 0.8])), labels
