"""A fixed, bounded sample of an image's pixels, for normalisation and fingerprint.

A strided read of a large chunked array would touch every chunk. So a few
planes are read, evenly spread over the stack; of a plane too large to read
whole, a grid of windows. What is read depends on the shape alone: the sample
is the same on every run, and an affine change of the pixel values changes
nothing but the values in it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.images.image import Image

MAX_PLANES = 8
MAX_WINDOWS = 64  # over all planes sampled
WINDOW = 256  # a divisor of usual chunk sizes: an aligned window lies in one
WHOLE_PLANE_PIXELS = 2**22  # a plane up to this size is read whole
KEPT_PIXELS_PER_PLANE = 2**20
# A mean over 8 x 8 pixels still shows a nucleus as bright as it is. A coarser one
# does not, and limits drawn from such means would make every nucleus plain white.
COARSEST_LEVEL = 3


def sample_pixels(image: Image) -> np.ndarray:
    """Read the sample from which an image's normalisation is made.

    It comes from the finest level of the pyramid at which a plane is small
    enough to be read whole; where there is none, in windows from the coarsest.
    Levels beyond `COARSEST_LEVEL` do not count. At most `MAX_PLANES` planes of
    `WHOLE_PLANE_PIXELS` pixels are read, whatever the size of the image.

    Parameters
    ----------
    image : Image
        The image.

    Returns
    -------
    numpy.ndarray
        ``(n, k)`` pixels of the k shown channels, in the image's data type.
        All its pixels, if it has no more than `MAX_PLANES` planes of
        `KEPT_PIXELS_PER_PLANE` pixels each.

    Raises
    ------
    ImageError
        If the file cannot be read there.
    """
    level = _sampled_level(image)
    planes = spread_planes(image, MAX_PLANES)
    kept = []
    for index in planes:
        regions = _regions(image.level_shape(level), MAX_WINDOWS // len(planes))
        pixels = np.concatenate(
            [_flat(image.read_at(index, region, level)) for region in regions]
        )
        step = math.ceil(len(pixels) / KEPT_PIXELS_PER_PLANE)
        kept.append(pixels[::step])
    return np.concatenate(kept)


def spread_planes(image: Image, limit: int) -> list[tuple[int, ...]]:
    """Choose evenly spaced planes of an image.

    Parameters
    ----------
    image : Image
        The image; nothing is read.
    limit : int
        How many planes at most.

    Returns
    -------
    list of tuple of int
        Their indices, evenly spaced, the first and the last plane included.
    """
    count = math.prod(image.leading_shape)
    chosen = {round(i) for i in np.linspace(0, count - 1, min(count, limit))}
    return [
        tuple(int(i) for i in np.unravel_index(plane, image.leading_shape))
        for plane in sorted(chosen)
    ]


def spread_windows(
    shape: tuple[int, int], limit: int
) -> Iterator[tuple[int, int, int, int]]:
    """Choose windows of a plane on a regular grid.

    Parameters
    ----------
    shape : (h, w)
        Size of the plane.
    limit : int
        How many windows at most.

    Yields
    ------
    tuple of int
        ``(y0, x0, y1, x1)``, half-open, of `WINDOW` pixels a side where the
        plane has as many, in a regular grid.
    """
    height, width = shape
    for y0 in _starts(height, math.isqrt(limit)):
        for x0 in _starts(width, math.isqrt(limit)):
            yield y0, x0, min(y0 + WINDOW, height), min(x0 + WINDOW, width)


def _sampled_level(image: Image) -> int:
    """Return the pyramid level to sample."""
    levels = [level for level in image.levels if level <= COARSEST_LEVEL]
    small = (k for k in levels if _is_small(image.level_shape(k)))
    return next(small, levels[-1])


def _is_small(shape: tuple[int, int]) -> bool:
    return math.prod(shape) <= WHOLE_PLANE_PIXELS


def _regions(
    shape: tuple[int, int], windows: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield the whole plane if it is small, else a grid of windows over it."""
    if _is_small(shape):
        yield 0, 0, *shape
    else:
        yield from spread_windows(shape, windows)


def _starts(length: int, count: int) -> list[int]:
    """Return aligned starts of windows, one in the middle of each equal part."""
    middles = (np.arange(count) + 0.5) * length / count - WINDOW / 2
    return sorted({max(0, int(middle)) // WINDOW * WINDOW for middle in middles})


def _flat(plane: np.ndarray) -> np.ndarray:
    """Flatten a plane to (n, k) pixels."""
    return plane.reshape(-1, plane.shape[-1])
