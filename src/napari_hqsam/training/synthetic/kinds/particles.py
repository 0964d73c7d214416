"""Particles on a textured ground in electron microscopy, bright; each an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur, fibres, fractal, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ground(rng: np.random.Generator) -> NDArray[np.float32]:
    """Make the texture of the support: rough, scratched or pitted; zero mean."""
    kind = rng.integers(3)
    if kind == 0:
        return fractal(rng, rng.uniform(0.7, 1.5))
    if kind == 1:
        scratches = fibres(rng, rng.uniform(0.6, 1.5), 40, rng.uniform(0, np.pi))
        return 0.7 * scratches + 0.5 * fractal(rng, 1.3)
    pits = blur(smooth(rng, rng.uniform(1.5, 3)) > 1.2, 0.8)
    return 0.5 * fractal(rng, 1.0) - 1.2 * pits


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw crystals, spheres or grains lying on each other."""
    radius = float(np.exp(rng.uniform(np.log(5), np.log(36))))
    form, rough = rng.integers(3), rng.uniform(0.03, 0.14)
    spread = rng.uniform(0.03, 0.4)
    corners = int(rng.choice([4, 6, 6, 8]))

    def particle() -> shapes.Piece:
        r = radius * np.exp(rng.normal(0, spread))
        if form == 0:
            return shapes.polygon(rng, r, corners)
        return shapes.blob(rng, r, rng.uniform(1, 1.1), 0.0 if form == 1 else rough)

    count = int(np.clip(rng.uniform(0.15, 0.9) * (SIDE / (2 * radius)) ** 2, 2, 110))
    clumps = int(rng.choice([0, 0, max(2, count // 12)]))
    labels = shapes.scatter(
        rng, particle, count, rng.uniform(0, 0.4), clumps, 2.5 * radius
    )
    depth, inside = optics.depth(labels), labels > 0
    level = optics.per_object(rng, labels, rng.uniform(0.03, 0.15), 0.75)
    n = int(labels.max()) + 1
    if form == 0:  # each crystal shows a plane at its own slope
        tilt = rng.normal(0, 0.004, (2, n)).astype(np.float32)
        y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
        middle = [np.bincount(labels.ravel(), c.ravel(), n) for c in (y, x)]
        area = np.bincount(labels.ravel(), minlength=n) + 1e-9
        cy, cx = (np.asarray(m / area, np.float32)[labels] for m in middle)
        relief = (y - cy) * tilt[0][labels] + (x - cx) * tilt[1][labels]
    else:
        relief = 0.15 * (optics.dome(depth, 0.8 * radius) - 0.5) * rng.uniform(-1, 1)
    edge = np.exp(-depth / rng.uniform(1.0, 1 + 0.1 * radius)) * inside
    contrast, texture = rng.uniform(0.2, 0.5), ground(rng)
    body = level * contrast + inside * (relief + rng.uniform(0.0, 0.3) * edge)
    body = body + inside * rng.uniform(0.0, 0.12) * contrast * smooth(rng, 1.5)
    offset = np.rint(0.25 * radius * rng.normal(0, 1, 2)).astype(int)
    shadow = blur(np.roll(inside, offset, (0, 1)), 0.2 * radius + 0.5) * ~inside
    rest = 0.3 + rng.uniform(0.2, 0.38) * contrast * texture * ~inside
    image = rest + body - rng.uniform(0, 0.15) * shadow
    image = blur(image, rng.uniform(0.4, 1.2))
    image = image * optics.illumination(rng, rng.uniform(0, 0.25))
    noise = rng.uniform(0.02, 0.1)
    return optics.camera(rng, image, noise, 0.4 * noise, rng.choice([0.0, 0.7])), labels
