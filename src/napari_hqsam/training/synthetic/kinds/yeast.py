"""Budding yeast: mother cells and their buds are objects of their own.

Phase contrast (dark rim, bright halo), bright field (rings) or a stain of the
cytoplasm, the vacuoles left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray


def colony(rng: np.random.Generator, radius: float) -> NDArray[np.int32]:
    """Draw cells that grow next to each other, many with a bud."""
    labels = np.zeros((SIDE, SIDE), np.int32)
    crowding, budding = rng.uniform(0.2, 0.95), rng.uniform(0.1, 0.7)
    cells: list[tuple[NDArray[Any], float]] = []
    count = int(np.clip(rng.uniform(0.2, 0.8) * (SIDE / (2 * radius)) ** 2, 4, 70))
    for index in range(1, count + 1):
        r = radius * rng.uniform(0.75, 1.15)
        if cells and rng.random() < crowding:
            near, other = cells[rng.integers(len(cells))]
            angle = rng.uniform(0, 2 * np.pi)
            towards = np.array([np.sin(angle), np.cos(angle)])
            place = near + towards * (r + other) * 1.03
        else:
            place = rng.uniform(0, SIDE, 2)
        aspect = rng.uniform(1, 1.35)
        axis = rng.uniform(0, np.pi)
        cell = shapes.blob(rng, r, aspect, 0.015, axis)
        if not shapes.paste(labels, cell, place, 2 * index, 0.06):
            continue
        cells.append((place, r))
        if rng.random() < budding:  # at a tip of the mother, joined by a neck
            side = axis + rng.choice([0, np.pi]) + rng.normal(0, 0.4)
            small = r * rng.uniform(0.35, 0.75)
            towards = np.array([np.sin(side), np.cos(side)])
            bud = place + towards * (r * np.sqrt(aspect) + small) * 0.93
            piece = shapes.blob(rng, small, 1.1, 0.0)
            if shapes.paste(labels, piece, bud, 2 * index + 1, 0.3):
                cells.append((bud, small))
    return shapes.tidy(labels)


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw a field of budding yeast in one of three contrasts."""
    radius = float(np.exp(rng.uniform(np.log(8), np.log(32))))
    labels = colony(rng, radius)
    depth, inside = optics.depth(labels), labels > 0
    vacuoles = blur(smooth(rng, radius * 0.3) > 1.1, 0.05 * radius)
    vacuoles = vacuoles * np.clip(depth / (0.3 * radius) - 0.5, 0, 1)
    grain = smooth(rng, max(0.7, 0.06 * radius)) * inside
    contrast = rng.integers(4)
    if contrast == 3:  # fluorescence of the cytoplasm, or of the wall
        level = optics.per_object(rng, labels, 0.35)
        light = level * optics.dome(depth, 0.6 * radius) * (1 - 0.7 * vacuoles)
        if rng.random() < 0.35:
            light = level * (0.2 + optics.line(depth, 1.5, 0.06 * radius + 0.8))
        light = light * (1 + 0.08 * grain)
        image = blur(light, rng.uniform(0.6, 1.6)) + 0.1 * blur(light, radius)
    elif contrast == 0:  # bright field, slightly out of focus: a dark and a bright ring
        outside, width = optics.distance(labels), 0.07 * radius + 0.7
        signed = np.where(inside, depth, 1 - outside)
        rings = 0.8 * optics.line(signed, 0.15 * radius + 1, 1.3 * width)
        rings -= optics.line(signed, 0.0, width)
        rings += rng.uniform(0.1, 0.5) * optics.line(
            signed, -0.16 * radius, 1.6 * width
        )
        tone = rng.uniform(-0.15, 0.15) * inside
        image = rings + tone + 0.05 * grain - rng.uniform(-0.3, 0.3) * vacuoles
    else:  # phase contrast
        phase = optics.dome(depth, 0.35 * radius) * optics.per_object(rng, labels, 0.08)
        phase = phase * (1 - rng.uniform(0.1, 0.5) * vacuoles) + 0.04 * grain
        image = optics.phase_contrast(phase, radius * rng.uniform(0.35, 0.7))
        rim = optics.line(depth, 1.5, 0.06 * radius + 0.6) * inside
        image = image - rng.uniform(0.2, 0.6) * rim
    image = blur(image, rng.uniform(0.4, 1.2))
    image = image + rng.uniform(0.0, 0.05) * smooth(rng, rng.uniform(1, 20))
    scaled = (image - image.min()) / (np.ptp(image) + 1e-6)
    return (
        optics.expose(rng, scaled * optics.illumination(rng, rng.uniform(0, 0.3))),
        labels,
    )
