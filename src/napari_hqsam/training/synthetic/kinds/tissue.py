"""Tissue with haematoxylin and eosin, in colour; each nucleus is an object.

Light passes the stains (Beer-Lambert law); their absorption spectra vary as they
do between laboratories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.training.synthetic import optics, shapes
from napari_hqsam.training.synthetic.noise import SIDE, blur, fibres, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray

HAEMATOXYLIN = np.array([0.65, 0.70, 0.29], np.float32)
EOSIN = np.array([0.07, 0.95, 0.25], np.float32)
"""Absorbance in red, green and blue."""


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw stroma and epithelium with their nuclei and empty spaces."""
    radius = float(np.exp(rng.uniform(np.log(5), np.log(18))))
    grain = rng.uniform(0, np.pi)  # direction of the fibres
    regions = smooth(rng, 35)
    epithelium = regions > rng.uniform(-1, 1)
    lumens = smooth(rng, rng.uniform(10, 30)) > rng.uniform(1.1, 2.2)
    labels = np.zeros((SIDE, SIDE), np.int32)
    labels[lumens] = -1
    count = int(np.clip(rng.uniform(0.3, 1.2) * (SIDE / (2.6 * radius)) ** 2, 8, 130))
    for index, place in enumerate(rng.uniform(0, SIDE, (count, 2)), 1):
        y, x = place.astype(int)
        r = radius * np.exp(rng.normal(0, 0.15))
        if epithelium[y, x]:
            nucleus = shapes.blob(rng, r * 1.1, rng.uniform(1, 1.5), 0.06)
        elif rng.random() < 0.5:  # fibroblasts lie along the fibres
            angle = grain + rng.normal(0, 0.2)
            nucleus = shapes.blob(rng, r * 0.8, rng.uniform(2, 4), 0.05, angle)
        else:  # lymphocytes: small and round
            nucleus = shapes.blob(rng, r * 0.75, 1.1, 0.03)
        shapes.paste(labels, nucleus, place, index, rng.choice([0.0, 0.12]))
    labels = shapes.tidy(np.maximum(labels, 0), 20)
    depth, inside = optics.depth(labels), labels > 0
    chromatin = smooth(rng, max(0.8, 0.13 * radius))
    open_ = rng.uniform(0, 0.5)  # vesicular nuclei: pale inside, a dark membrane
    blue = optics.per_object(rng, labels, 0.22, 0.65) * (
        1 - open_ * np.clip(depth / (0.4 * radius) - 0.2, 0, 1) + 0.22 * chromatin
    )
    blue = np.clip(blue, 0.2, None) * inside * rng.uniform(0.7, 1.3)
    fibre = fibres(rng, 1.2, rng.uniform(8, 20), grain) * ~epithelium
    pink = np.where(epithelium, 0.42, 0.5) + 0.14 * fibre + 0.06 * smooth(rng, 3)
    pink = np.clip(pink + 0.08 * smooth(rng, 1), 0.05, None) * rng.uniform(0.6, 1.2)
    basophil = rng.uniform(0.02, 0.2) * epithelium + 0.03 * smooth(rng, 15)
    solid = blur(~lumens, 1.0)
    pink = pink * solid * (1 - 0.55 * inside)
    blue = blue + np.clip(basophil, 0, None) * solid * ~inside
    sigma = rng.uniform(0.5, 1.1)
    stains = [blur(blue, sigma)[..., None], blur(pink, sigma)[..., None]]
    spectra = [s * np.exp(rng.normal(0, 0.12, 3)) for s in (HAEMATOXYLIN, EOSIN)]
    absorbed = sum(
        s * p.astype(np.float32) for s, p in zip(stains, spectra, strict=True)
    )
    light = np.exp(-1.25 * absorbed) * rng.uniform(0.88, 0.97)
    light = light * optics.illumination(rng, rng.uniform(0, 0.12))[..., None]
    noise = rng.uniform(0.005, 0.03)
    return optics.camera(rng, light, noise, 0.3 * noise, rng.choice([0.0, 0.7])), labels
