"""Random fields: smooth, fractal and oriented noise, all (SIDE, SIDE) float32.

They are drawn in the Fourier domain, so that the cost does not depend on the
correlation length. All are periodic, with zero mean and unit deviation.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import fft, ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 256
"""Height and width of a synthetic image, pixels."""


@cache
def frequencies() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return `scipy.fft.rfft2` frequencies, cycles/pixel: (SIDE, 1), (1, SIDE/2+1)."""
    fy = fft.fftfreq(SIDE).astype(np.float32)[:, None]
    return fy, fft.rfftfreq(SIDE).astype(np.float32)[None]


@cache
def pixels() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return pixel coordinates y (SIDE, 1) and x (1, SIDE)."""
    c = np.arange(SIDE, dtype=np.float32)
    return c[:, None], c[None]


def _field(
    rng: np.random.Generator, transfer: NDArray[np.float32]
) -> NDArray[np.float32]:
    white = rng.standard_normal((*transfer.shape, 2), dtype=np.float32)
    spectrum = white.view(np.complex64)[..., 0] * transfer
    spectrum[0, 0] = 0
    out: NDArray[np.float32] = fft.irfft2(spectrum, (SIDE, SIDE))
    out /= out.std() + 1e-12
    return out


def smooth(rng: np.random.Generator, sigma: float) -> NDArray[np.float32]:
    """Make white noise, smoothed by a Gaussian filter of `sigma` pixels."""
    fy, fx = frequencies()
    c = np.float32(-2 * np.pi**2 * sigma**2)
    return _field(rng, np.exp(c * fy**2) * np.exp(c * fx**2))


def fractal(rng: np.random.Generator, slope: float) -> NDArray[np.float32]:
    """Make noise with amplitudes frequency to the power -`slope` (about 1..2)."""
    fy, fx = frequencies()
    return _field(rng, (fy**2 + fx**2 + 1e-5) ** np.float32(-slope / 2))


def fibres(
    rng: np.random.Generator, width: float, length: float, angle: float
) -> NDArray[np.float32]:
    """Make noise stretched along `angle` (radians): Gaussian of two widths, pixels."""
    fy, fx = frequencies()
    along = fx * np.float32(np.cos(angle)) + fy * np.float32(np.sin(angle))
    across = fy * np.float32(np.cos(angle)) - fx * np.float32(np.sin(angle))
    exponent = (length * along) ** 2 + (width * across) ** 2
    return _field(rng, np.exp(np.float32(-2 * np.pi**2) * exponent))


def warp(field: NDArray[Any], dy: NDArray[Any], dx: NDArray[Any]) -> NDArray[Any]:
    """Sample a periodic (SIDE, SIDE) array at coordinates moved by dy, dx (nearest)."""
    y, x = pixels()
    iy = np.rint(y + dy).astype(np.intp) % SIDE
    ix = np.rint(x + dx).astype(np.intp) % SIDE
    return np.asarray(field[iy, ix])


def blur(image: NDArray[Any], sigma: float) -> NDArray[np.float32]:
    """Apply a Gaussian filter; beyond 3 pixels three box filters of constant cost."""
    x = np.asarray(image, np.float32)
    if sigma < 0.2:
        return x
    if sigma <= 3:
        return np.asarray(ndimage.gaussian_filter(x, sigma, truncate=3))
    # three boxes of n pixels have the variance (n^2 - 1) / 4
    size = max(3, round(np.sqrt(4 * sigma**2 + 1)))
    for _ in range(3):
        x = ndimage.uniform_filter(x, size)
    return x
