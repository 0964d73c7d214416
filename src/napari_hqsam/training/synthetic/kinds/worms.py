"""Nematodes on agar in bright field, darker than the ground; each an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur, fractal, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray


def worm(rng: np.random.Generator, length: float, radius: float) -> shapes.Piece:
    """Draw a sinuous body with a blunt head and a pointed tail."""
    n = int(length)
    t = np.linspace(0, 1, n)
    bends = rng.normal(0, 1, 3) * [1.2, 1.0, 0.5]
    waves = np.sin(np.pi * np.outer([0.6, 1.6, 2.6], t) + rng.uniform(0, 6.3, (3, 1)))
    heading = rng.uniform(0, 2 * np.pi) + bends @ waves * rng.uniform(0.4, 1.3)
    points = np.cumsum(np.stack([np.sin(heading), np.cos(heading)], 1), 0)
    taper = np.minimum(1, np.sqrt(t / 0.12)) * np.minimum(1, ((1 - t) / 0.35) ** 0.7)
    step = max(1, int(radius / 3))
    points, taper = points[::step], taper[::step]
    return shapes.tube(points - points.mean(0), radius * np.maximum(taper, 0.12))


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw worms of about one age."""
    length = float(np.exp(rng.uniform(np.log(55), np.log(260))))
    radius = length * rng.uniform(0.028, 0.05)
    labels = np.zeros((SIDE, SIDE), np.int32)
    for index in range(1, int(rng.integers(3, max(6, int(1500 / length)))) + 1):
        body = worm(
            rng, length * rng.uniform(0.75, 1.2), radius * rng.uniform(0.85, 1.15)
        )
        shapes.paste(labels, body, rng.uniform(0, SIDE, 2), index, 0.02, 60)
    labels = shapes.tidy(labels, 40)
    depth, inside = optics.depth(labels), labels > 0
    level = optics.per_object(rng, labels, 0.1, 0.7)
    granules = smooth(rng, max(0.8, 0.16 * radius))
    gut = np.clip(depth / radius - 0.25, 0, 1)
    dark = level * (rng.uniform(0.12, 0.3) + rng.uniform(0.05, 0.3) * gut)
    dark = dark + inside * rng.uniform(0.04, 0.12) * granules * gut
    dark = dark + inside * rng.uniform(0.1, 0.3) * optics.line(depth, 1.0, 1.1)
    halo = optics.line(optics.distance(labels), 2.0, 1.6) * ~inside
    image = 0.72 - dark + rng.uniform(0, 0.15) * halo
    lawn = rng.uniform(0.0, 0.03) * fractal(rng, 1.4) + 0.015 * smooth(rng, 1.2)
    image = blur(image, rng.uniform(0.5, 0.8 + 0.06 * radius)) + lawn
    image = image * optics.illumination(rng, rng.uniform(0, 0.45))
    noise = rng.uniform(0.01, 0.05)
    return optics.camera(rng, image, noise, 0.5 * noise), labels
