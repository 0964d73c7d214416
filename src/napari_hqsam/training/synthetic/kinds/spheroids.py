"""Spheroids and organoids in bright field, darker than the medium; each an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur, fractal, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw solid spheroids, or hollow organoids with a wall."""
    radius = float(np.exp(rng.uniform(np.log(14), np.log(75))))
    hollow = rng.random() < 0.35
    rough = rng.uniform(0.01, 0.03) if hollow else rng.uniform(0.02, 0.1)
    orders = 5 if hollow else int(rng.integers(6, 24))

    def spheroid() -> shapes.Piece:
        r = radius * np.exp(rng.normal(0, 0.25))
        return shapes.blob(rng, r, rng.uniform(1, 1.3), rough, orders=orders)

    count = int(np.clip(rng.uniform(0.15, 0.7) * (SIDE / (2 * radius)) ** 2, 1, 40))
    labels = shapes.scatter(rng, spheroid, count + 1, rng.choice([0.0, 0.08]))
    depth, inside = optics.depth(labels), labels > 0
    level = optics.per_object(rng, labels, 0.15, 0.7)
    bumps = smooth(rng, max(1.0, radius * rng.uniform(0.03, 0.08)))
    texture = rng.uniform(0.02, 0.09)
    bumps = 0.7 * bumps + 0.5 * fractal(rng, 1.5)
    if hollow:
        thick = max(2.0, radius * rng.uniform(0.06, 0.16))
        wall = optics.line(depth, 0.5 * thick, 0.5 * thick)
        dark = level * (rng.uniform(0.04, 0.14) + 0.45 * wall * (1 + 0.2 * bumps))
        halo = -0.2 * optics.line(depth, 2.2 * thick, 0.8 * thick) * inside
        dark = dark + halo
    else:
        core = 1 - np.exp(-depth / (radius * rng.uniform(0.2, 0.6)))
        dark = level * (0.22 + rng.uniform(0.1, 0.5) * core) * (1 + texture * bumps)
        dark = dark + 0.8 * texture * inside * np.clip(bumps, -1, 1)
    outline = optics.line(depth, 1.0, 1.2) * inside * rng.uniform(0, 0.2)
    halo = optics.line(optics.distance(labels), 2.5, 2.0) * ~inside
    # debris: specks far smaller than any spheroid
    debris = blur(smooth(rng, 0.8) > rng.uniform(3.4, 4.2), 0.6) * ~inside
    image = 0.8 - dark - outline + rng.uniform(0, 0.12) * halo - 0.3 * debris
    image = blur(image, rng.uniform(0.6, 1.0 + 0.02 * radius))
    image = image + rng.uniform(0.0, 0.025) * fractal(rng, 1.2)
    image = image * optics.illumination(rng, rng.uniform(0, 0.4))
    noise = rng.uniform(0.005, 0.05)
    return optics.camera(rng, image, noise, 0.5 * noise), labels
