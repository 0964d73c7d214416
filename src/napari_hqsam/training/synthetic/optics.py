"""Simulate the image of labels: intensity profiles, halos, illumination, noise.

Images are (SIDE, SIDE) float32, 0 to about 1, until `camera` makes them uint8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_hqsam.training.synthetic.noise import SIDE, blur, pixels, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray


def depth(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Compute the distance to the border of the own object, pixels."""
    inside = labels > 0
    for axis in (0, 1):
        differs = np.diff(labels, axis=axis) != 0
        inside &= ~np.pad(differs, [(0, int(a == axis)) for a in (0, 1)])
    return np.asarray(ndimage.distance_transform_edt(inside), np.float32)


def distance(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Compute the distance to the nearest object, pixels; 0 inside."""
    return np.asarray(ndimage.distance_transform_edt(labels == 0), np.float32)


def per_object(
    rng: np.random.Generator,
    labels: NDArray[np.int32],
    spread: float,
    low: float = 0.4,
) -> NDArray[np.float32]:
    """Draw one log-normal factor per object, at least `low`; 0 on the background."""
    factors = np.exp(rng.normal(0, spread, int(labels.max()) + 1))
    factors = np.clip(factors, low, 2.5).astype(np.float32)
    factors[0] = 0
    return np.asarray(factors[labels])


def dome(depths: NDArray[Any], radius: float) -> NDArray[np.float32]:
    """Compute the thickness of rounded objects: 0 at the border, 1 from `radius` on."""
    t = np.minimum(depths / np.float32(radius), 1)
    return np.asarray(np.sqrt(1 - (1 - t) ** 2), np.float32)


def line(values: NDArray[Any], at: float, width: float) -> NDArray[np.float32]:
    """Compute a Gaussian ridge where `values` equal `at`."""
    return np.asarray(np.exp(-(((values - at) / np.float32(width)) ** 2)), np.float32)


def phase_contrast(thickness: NDArray[Any], reach: float) -> NDArray[np.float32]:
    """Simulate phase contrast: dark inside, with a bright halo of `reach` pixels.

    The phase ring passes low frequencies attenuated: a high-pass filter.
    """
    passed = blur(thickness, 0.7) - np.float32(0.9) * blur(thickness, reach)
    return np.negative(passed)


def partly_defocused(
    rng: np.random.Generator, image: NDArray[Any], strongest: float
) -> NDArray[np.float32]:
    """Blur some regions more than others, as a tilted or thick specimen is."""
    weight = np.clip(smooth(rng, 50) * 0.6 + 0.3, 0, 1)
    return np.asarray(image + weight * (blur(image, strongest) - image), np.float32)


def illumination(rng: np.random.Generator, strength: float) -> NDArray[np.float32]:
    """Simulate uneven light: vignetting, a slope and slow waves; mean about 1."""
    y, x = pixels()
    cy, cx = rng.uniform(0.2, 0.8, 2) * SIDE
    falloff = ((y - cy) ** 2 + (x - cx) ** 2) / np.float32(SIDE**2)
    wave = smooth(rng, rng.uniform(40, 90))
    out = 1 - strength * (falloff - 0.3) + 0.25 * strength * wave
    return np.asarray(np.clip(out, 0.3, 1.7), np.float32)


def camera(
    rng: np.random.Generator,
    image: NDArray[Any],
    shot: float = 0.03,
    read: float = 0.01,
    sharp: float = 0.0,
) -> NDArray[np.uint8]:
    """Expose (h, w) or (h, w, 3): noise that grows with the light, 8 bits.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    image : ndarray
        Light, 0 to 1.
    shot : float
        Deviation of the shot noise at 1.
    read : float
        Deviation of the read noise.
    sharp : float
        Correlation of the noise, pixels (resampled or denoised images); its
        standard deviation is unchanged.
    """
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    if sharp > 0.2:
        noise = ndimage.gaussian_filter(noise, (sharp, sharp, 0)[: image.ndim])
        noise /= noise.std() + 1e-9
    deviation = np.sqrt(shot**2 * np.clip(image, 0, 1) + read**2)
    exposed = np.clip(image + noise * deviation, 0, 1)
    return np.asarray(exposed * 255 + 0.5).astype(np.uint8)


def expose(
    rng: np.random.Generator, image: NDArray[Any], low: float = 0.02, high: float = 0.95
) -> NDArray[np.uint8]:
    """Scale to a random part of the camera's range and expose with random noise."""
    bottom, top = np.quantile(image[::3, ::3], [0.005, 0.995])
    offset = rng.uniform(low, low + 0.15)
    gain = (high - offset) * rng.uniform(0.6, 1.05) / max(float(top - bottom), 1e-6)
    noise = rng.uniform(0.005, 0.06) * rng.uniform(0.3, 1)
    return camera(
        rng,
        (image - bottom) * np.float32(gain) + np.float32(offset),
        shot=noise,
        read=noise * rng.uniform(0.1, 0.7),
        sharp=rng.choice([0.0, 0.0, 0.7]),
    )
