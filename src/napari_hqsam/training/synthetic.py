"""Drawn microscopy: exact labels for what the data sets lack.

Touching blobs, rods, rings, thin filaments and networks on an uneven, noisy
background. The rule that keeps labels unambiguous: within one image all objects
differ from the background in the same direction and visibly, and whatever is
drawn is labelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.draw import line

from napari_hqsam.training.data import LabelledImage, labelled_image

if TYPE_CHECKING:
    import torch

SIDE = 256


def smooth_noise(rng: np.random.Generator, sigma: float) -> np.ndarray:
    """Gaussian random field (SIDE, SIDE), zero mean, unit deviation."""
    field = ndimage.gaussian_filter(
        rng.standard_normal((SIDE, SIDE)), sigma, mode="wrap"
    )
    return np.asarray(field / (field.std() + 1e-9))


def blob(rng: np.random.Generator, radius: float) -> np.ndarray:
    """Draw a filled wobbly ellipse, bool (k, k), k about 3 radii."""
    k = int(radius * 3.2) | 1
    yy, xx = np.mgrid[:k, :k] - k // 2
    theta = np.arctan2(yy, xx) + rng.uniform(0, 2 * np.pi)
    aspect = np.exp(rng.uniform(0, 0.5))
    distance = np.hypot(yy * aspect, xx / aspect)
    wobble = sum(
        rng.normal(0, 0.25 / n) * np.cos(n * theta + rng.uniform(0, 6.3))
        for n in (2, 3, 4, 5)
    )
    return np.asarray(
        distance < radius * np.clip(1 + wobble * rng.uniform(0, 0.6), 0.5, 1.5)
    )


def rod(rng: np.random.Generator, radius: float) -> np.ndarray:
    """Draw a bent rod with round ends, bool (k, k)."""
    k = int(radius * 4) | 1
    canvas = np.zeros((k, k), bool)
    t = np.linspace(-1, 1, 4 * k)
    bend = rng.uniform(-0.6, 0.6)
    angle = rng.uniform(0, np.pi)
    px, py = t * radius * 1.4, bend * radius * (t**2 - 0.4)
    y = py * np.cos(angle) + px * np.sin(angle) + k / 2
    x = -py * np.sin(angle) + px * np.cos(angle) + k / 2
    canvas[np.clip(y, 0, k - 1).astype(int), np.clip(x, 0, k - 1).astype(int)] = True
    width = max(1.5, radius * rng.uniform(0.15, 0.4))
    return np.asarray(ndimage.distance_transform_edt(~canvas) < width)


def ring(rng: np.random.Generator, radius: float) -> np.ndarray:
    """Draw a blob with its middle left out, bool (k, k)."""
    whole = blob(rng, radius)
    depth = ndimage.distance_transform_edt(np.pad(whole, 1))[1:-1, 1:-1]
    return np.asarray(whole & (depth < max(2.0, radius * rng.uniform(0.2, 0.5))))


def scatter(rng: np.random.Generator) -> np.ndarray:
    """Many blobs, rods or rings that may touch but do not overlap; int32 labels."""
    labels = np.zeros((SIDE, SIDE), np.int32)
    radius = np.exp(rng.uniform(np.log(5), np.log(45)))
    spread = rng.uniform(0.0, 0.4)
    shape = (blob, blob, blob, rod, ring)[rng.integers(5)]
    touching = rng.random() < 0.5
    count = int(np.clip(rng.uniform(0.2, 0.9) * (SIDE / (2 * radius)) ** 2, 2, 250))
    for index in range(1, count + 1):
        piece = shape(rng, radius * np.exp(rng.normal(0, spread)))
        k = len(piece)
        y, x = rng.integers(-k // 2, SIDE - k // 2, 2)
        ys, xs = slice(max(y, 0), min(y + k, SIDE)), slice(max(x, 0), min(x + k, SIDE))
        part = piece[ys.start - y : ys.stop - y, xs.start - x : xs.stop - x]
        area = labels[ys, xs]
        taken = (area > 0) & part
        if taken.sum() > (0.15 if touching else 0.0) * part.sum():
            continue
        area[part & (area == 0)] = index
    return labels


def filaments(rng: np.random.Generator) -> np.ndarray:
    """Thin curved lines: each its own object, or all one network; int32 labels."""
    labels = np.zeros((SIDE, SIDE), np.int32)
    network = rng.random() < 0.5
    width = rng.uniform(1.0, 3.5)
    for index in range(1, int(rng.integers(2, 14)) + 1):
        y, x = rng.uniform(0, SIDE, 2)
        angle, turn = rng.uniform(0, 2 * np.pi), 0.0
        track = np.zeros((SIDE, SIDE), bool)
        for _ in range(int(rng.integers(10, 60))):
            turn = 0.8 * turn + rng.normal(0, 0.12)
            angle += turn
            ny, nx = y + 6 * np.sin(angle), x + 6 * np.cos(angle)
            rr, cc = line(int(y), int(x), int(ny), int(nx))
            ok = (rr >= 0) & (rr < SIDE) & (cc >= 0) & (cc < SIDE)
            track[rr[ok], cc[ok]] = True
            y, x = ny, nx
        if track.any():
            labels[ndimage.distance_transform_edt(~track) < width] = (
                1 if network else index
            )
    return labels


def shade(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Give labels a look: (SIDE, SIDE) uint8."""
    contrast = rng.uniform(0.15, 0.7)
    n = int(labels.max()) + 1
    levels = np.concatenate([[0.0], contrast * rng.uniform(0.6, 1.2, n)])[:n]
    levels[0] = 0.0
    image = levels[labels]
    texture = smooth_noise(rng, rng.uniform(0.8, 6)) * rng.uniform(0, 0.15) * contrast
    image = image + texture * (labels > 0)
    if rng.random() < 0.3:  # bright or dark rims, as in phase contrast
        rim = ndimage.morphological_gradient(labels, 3) > 0
        image = image + rim * rng.uniform(-0.5, 0.5) * contrast
    image = ndimage.gaussian_filter(image, rng.uniform(0.3, 1.5))
    base = rng.uniform(0.05, 0.3) + smooth_noise(
        rng, rng.uniform(10, 60)
    ) * rng.uniform(0, 0.06)
    image = image + base + rng.standard_normal(labels.shape) * rng.uniform(0, 0.05)
    return np.asarray(np.clip(image, 0, 1) * 255).astype(np.uint8)


def synthetic_image(
    rng: np.random.Generator, device: torch.device | str = "cpu"
) -> LabelledImage:
    """Draw one labelled image (SIDE, SIDE); bright objects on a darker ground.

    Polarity is left to the augmentation, which inverts whole images.
    """
    while True:
        labels = scatter(rng) if rng.random() < 0.75 else filaments(rng)
        item = labelled_image("synthetic", shade(rng, labels), labels, device)
        if item is not None:
            return item
