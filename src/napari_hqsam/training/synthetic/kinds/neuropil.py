"""Nerve tissue in electron microscopy: each neurite's section is an object.

Membranes are dark lines; mitochondria, vesicles and tubules inside are texture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage import measure

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import blur, fractal, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray


def organelles(
    rng: np.random.Generator, labels: NDArray[np.int32], room: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Draw small mitochondria inside the cells: their darkness, 0 to 1."""
    radius = rng.uniform(3.5, 9)

    def one() -> shapes.Piece:
        r = radius * rng.uniform(0.7, 1.3)
        return shapes.blob(rng, r, rng.uniform(1, 2.2), 0.06)

    found = shapes.scatter(rng, one, int(rng.integers(10, 70)), 0.0, blocked=~room)
    depth = optics.depth(found)
    cristae = 0.5 + 0.5 * np.sin(smooth(rng, 6) * 9)
    inner = (found > 0) * (0.35 + 0.3 * cristae)
    return np.maximum(inner, (found > 0) * optics.line(depth, 1, 1.0))


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw a section of neuropil."""
    spacing = float(np.exp(rng.uniform(np.log(18), np.log(75))))
    cells, margin = shapes.voronoi(
        rng, spacing, rng.uniform(0.15, 0.3), rng.uniform(1, 2), 1.0
    )
    # neighbours joined: large and bent sections among small ones
    alias = np.arange(int(cells.max()) + 1)
    joined = rng.random(len(alias)) < rng.uniform(0.1, 0.5)
    alias[1:][joined[1:]] = alias[:-1][joined[1:]]
    parts = measure.label(alias[cells], background=-1, connectivity=1)
    labels = shapes.tidy(parts.astype(np.int32), 20)
    margin = np.where(labels > 0, optics.depth(labels), 0).astype(np.float32)
    tone = 1 + 0.14 * (optics.per_object(rng, labels, 0.5) - 1)
    grain = 0.05 * smooth(rng, rng.uniform(0.8, 1.3)) + 0.05 * smooth(rng, 2.5)
    width = rng.uniform(1.0, 1.8) + 0.008 * spacing
    darkness = rng.uniform(0.5, 0.8)
    seen = np.clip(1 + 0.3 * smooth(rng, 7), 0.35, 1.3)  # obliquely cut: faint
    membrane = np.exp(-((margin / width) ** 2)) * seen
    image = 0.75 * tone + grain - darkness * membrane
    away = np.clip(margin / width - 2.5, 0, 1)
    tubules = optics.line(smooth(rng, 5), 0.0, 0.1) * (smooth(rng, 12) > 0.4)
    vesicles = blur(smooth(rng, 1.3) > 1.6, 0.5) * (smooth(rng, 14) > 0.9)
    image = image - away * (0.22 * tubules + 0.3 * vesicles)
    if spacing > 24:
        dark = organelles(rng, labels, margin > width + 2)
        image = image - rng.uniform(0.3, 0.55) * blur(dark, 0.7)
    image = blur(image, rng.uniform(0.4, 1.1)) + 0.02 * fractal(rng, 1.3)
    noise = rng.uniform(0.015, 0.08)
    image = 0.1 + 0.8 * image
    return optics.camera(rng, image, noise, 0.4 * noise, rng.choice([0.0, 0.8])), labels
