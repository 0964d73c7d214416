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
    """Draw borders of Voronoi cells, some left out: tubules, mycelium, capillaries."""
    spacing, width = rng.uniform(20, 70), rng.uniform(1.2, 4.5)
    cells, _ = shapes.voronoi(
        rng, spacing, rng.uniform(0.1, 0.28), rng.uniform(1, 1.6), rng.uniform(0, 1)
    )
    # joining some cells leaves out the borders between them
    alias = np.arange(int(cells.max()) + 1)
    joined = rng.random(len(alias)) < rng.uniform(0, 0.5)
    alias[1:][joined[1:]] = alias[:-1][joined[1:]]
    merged = alias[cells].astype(np.int32)
    local = width * np.clip(1 + 0.35 * smooth(rng, 0.5 * spacing), 0.5, 2)
    return optics.depth(merged) < local * 0.5 + 1, width


def tree(rng: np.random.Generator) -> tuple[NDArray[np.bool_], float]:
    """Draw branching vessels that taper."""
    network = np.zeros((SIDE, SIDE), np.int32)
    width = rng.uniform(2.5, 8.0)
    bend, reach = rng.uniform(0.4, 1.0), rng.uniform(60, 130)
    angle = rng.uniform(0, 2 * np.pi)  # the stem comes from outside
    inwards = np.array([np.sin(angle), np.cos(angle)])
    stems = int(rng.integers(1, 4))
    starts = [
        (SIDE / 2 - 150 * inwards + rng.normal(0, 50, 2), angle, width)
        for _ in range(stems)
    ]
    for _ in range(22 * stems):
        if not starts:
            break
        origin, heading, w = starts.pop(0)
        length = reach * rng.uniform(0.6, 1.5) * (0.3 + 0.7 * w / width)
        points = shapes.track(rng, length, bend, 15, heading)
        radii = np.linspace(w, 0.8 * w, len(points)) / 2 + 0.3
        step = max(1, int(w / 3))
        piece = shapes.tube(points[::step], radii[::step])
        shapes.paste(network, piece, origin, 1, 1.0, 0)
        for at in (len(points) - 1, *rng.integers(len(points) // 5, len(points), 2)):
            before = points[max(at - 8, 0)]
            ahead = np.arctan2(*(points[at] - before))
            turn = rng.choice([-1, 1]) * rng.uniform(0.3, 1.1)
            thinner = w * rng.uniform(0.6, 0.9)
            if thinner > 1.0 and rng.random() < 0.9:
                starts.append((origin + points[at], float(ahead + turn), thinner))
    return network > 0, width


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw a mesh or a tree."""
    present, width = mesh(rng) if rng.random() < 0.5 else tree(rng)
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
