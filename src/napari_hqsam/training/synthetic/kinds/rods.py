"""Rod-shaped bacteria in chains and microcolonies; each cell is an object.

Phase contrast (dark cells, bright halo), a cytoplasmic stain, or a stain of the
membrane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray


def chains(rng: np.random.Generator, width: float) -> NDArray[np.int32]:
    """Lay rods end to end along curved lines, some chains side by side."""
    labels = np.zeros((SIDE, SIDE), np.int32)
    ratio, bend = rng.uniform(1.8, 6.0), rng.uniform(0.0, 1.0)
    per_chain, beside = int(rng.integers(1, 9)), int(rng.integers(1, 6))
    index = 0
    for _ in range(int(np.clip(rng.uniform(0.15, 0.9) * 2600 / width**2, 2, 14))):
        start = rng.uniform(0, SIDE, 2)
        length = per_chain * ratio * width
        spine = shapes.track(rng, length, bend * rng.uniform(0, 2), 4 * width)
        spine -= spine[len(spine) // 2]
        heading = np.gradient(spine, axis=0)
        normal = np.stack([heading[:, 1], -heading[:, 0]], 1)
        for row in range(int(rng.integers(1, beside + 1))):
            line = spine + normal * row * (width + 0.6)
            at = rng.uniform(0, 0.8) * ratio * width * (row > 0)
            while at < length and index < 160:
                cell = width * ratio * rng.uniform(0.6, 1.3)
                low, high = at + width / 2, at + cell - width / 2
                at += cell + 0.5
                points = line[int(low) : max(int(high), int(low) + 2)]
                if len(points) < 2:
                    break
                index += 1
                radius = width / 2 * rng.uniform(0.92, 1.05)
                piece = shapes.tube(points[:: max(1, int(width / 5))], radius)
                shapes.paste(labels, piece, start, index, 0.12)
    return shapes.tidy(labels)


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw chains and microcolonies of rods in one of three contrasts."""
    width = float(np.exp(rng.uniform(np.log(5), np.log(20))))
    labels = chains(rng, width)
    depth = optics.depth(labels)
    grain = smooth(rng, max(0.8, 0.12 * width))
    level = optics.per_object(rng, labels, rng.uniform(0.03, 0.2))
    contrast = rng.random()
    if contrast < 0.5:  # phase contrast
        phase = optics.dome(depth, 0.5 * width) * level * (1 + 0.06 * grain)
        image = optics.phase_contrast(phase, width * rng.uniform(0.8, 1.6))
    elif contrast < 0.8:  # cytoplasm
        level = optics.per_object(rng, labels, rng.uniform(0.1, 0.45))
        light = level * optics.dome(depth, 0.5 * width)
        light = light * np.clip(1 + rng.uniform(0.05, 0.25) * grain, 0.3, None)
        image = light + rng.uniform(0.05, 0.3) * blur(light, 1.5 * width)
    else:  # membrane
        light = level * (0.15 + optics.line(depth, 1.2, 0.1 * width + 0.5))
        light = light * np.clip(1 + 0.2 * grain, 0.3, None)
        image = light + rng.uniform(0.05, 0.2) * blur(light, 1.5 * width)
    image = blur(image, rng.uniform(0.5, 0.6 + 0.06 * width))
    if rng.random() < 0.3:
        image = optics.partly_defocused(rng, image, 0.8 + 0.12 * width)
    scaled = (image - image.min()) / (np.ptp(image) + 1e-6)
    scaled = scaled + rng.uniform(0, 0.03) * smooth(rng, rng.uniform(1, 8))
    light = scaled * optics.illumination(rng, rng.uniform(0, 0.3))
    return optics.expose(rng, light), labels
