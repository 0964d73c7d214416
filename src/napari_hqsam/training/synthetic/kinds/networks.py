"""Networks, bright on dark: vessel trees and meshes; a connected one is an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage import measure

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur, smooth, warp

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mesh(rng: np.random.Generator) -> tuple[NDArray[np.bool_], float]:
    """Borders of Voronoi cells, some left out: tubules, mycelium, capillaries."""
    spacing, width = rng.uniform(20, 70), rng.uniform(1.2, 4.5)
    cells, _ = shapes.voronoi(
        rng, spacing, rng.uniform(0.1, 0.28), rng.uniform(1, 1.6), rng.uniform(0, 1)
    )
    # joining some cells leaves out the borders between them
    alias = np.arange(int(cells.max()) + 1)
    joined = rng.random(len(alias)) < rng.uniform(0, 0.4)
    alias[1:][joined[1:]] = alias[:-1][joined[1:]]
    merged = alias[cells].astype(np.int32)
    return optics.depth(merged) < width * 0.5 + 1, width


def tree(rng: np.random.Generator) -> tuple[NDArray[np.bool_], float]:
    """Branching vessels that taper."""
    network = np.zeros((SIDE, SIDE), np.int32)
    width = rng.uniform(2.0, 7.0)
    bend = rng.uniform(0.5, 1.6)
    starts = [(rng.uniform(0, SIDE, 2), width) for _ in range(int(rng.integers(1, 3)))]
    for _ in range(26):
        if not starts:
            break
        origin, w = starts.pop(0)
        points = shapes.track(rng, rng.uniform(40, 190) * (w / width) ** 0.5, bend, 1.0)
        radii = np.linspace(w, 0.75 * w, len(points)) / 2 + 0.4
        shapes.paste(network, shapes.tube(points, radii), origin, 1, 1.0, 0)
        for _ in range(int(rng.integers(1, 4))):
            at = rng.integers(len(points) // 4, len(points))
            place = origin + points[at]
            if w > 1.0 and (place > 0).all() and (place < SIDE).all():
                starts.append((place, float(radii[at] * 2 * rng.uniform(0.5, 0.85))))
    return network > 0, width


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw a mesh or a tree."""
    present, width = mesh(rng) if rng.random() < 0.55 else tree(rng)
    wavy = rng.uniform(0, 0.8)
    shift = smooth(rng, 8) * np.float32(wavy), smooth(rng, 8) * np.float32(wavy)
    present = warp(present, *shift)
    labels = measure.label(present, connectivity=2).astype(np.int32)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    kept = np.flatnonzero(areas >= 60)
    number = np.zeros(len(areas), np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    labels = number[labels]
    inside = labels > 0
    light = inside * np.clip(1 + rng.uniform(0, 0.3) * smooth(rng, 12), 0.45, 1.6)
    light = light * np.clip(1 + rng.uniform(0, 0.2) * smooth(rng, 2), 0.4, 1.6)
    if width > 3 and rng.random() < 0.4:
        light = light * (0.5 + 0.5 * optics.dome(optics.depth(labels), width / 2))
    image = blur(light, rng.uniform(0.4, 0.6 + 0.15 * width))
    image = image + rng.uniform(0, 0.3) * blur(light, 10)
    if rng.random() < 0.3:
        image = optics.partly_defocused(rng, image, 1 + 0.25 * width)
    image = image + rng.uniform(0, 0.08) * smooth(rng, rng.uniform(1, 30))
    image = image * optics.illumination(rng, rng.uniform(0, 0.5))
    return optics.expose(rng, image), labels
