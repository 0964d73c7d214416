"""A fixed, bounded sample of an image's pixels, to choose its normalisation.

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


def sample_pixels(image: Image) -> np.ndarray:
    """Read the sample.

    At most `MAX_PLANES` planes of `WHOLE_PLANE_PIXELS` pixels are read,
    whatever the size of the image.

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
    planes = _spread(math.prod(image.leading_shape), MAX_PLANES)
    kept = []
    for plane in planes:
        index = tuple(int(i) for i in np.unravel_index(plane, image.leading_shape))
        regions = _regions(image.plane_shape, MAX_WINDOWS // len(planes))
        pixels = np.concatenate(
            [_flat(image.read_plane(index, region)) for region in regions]
        )
        step = math.ceil(len(pixels) / KEPT_PIXELS_PER_PLANE)
        kept.append(pixels[::step])
    return np.concatenate(kept)


def _spread(count: int, most: int) -> list[int]:
    """At most so many of ``range(count)``, evenly spaced, first and last included."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})


def _regions(
    shape: tuple[int, int], windows: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield the whole plane if it is small, else a grid of windows over it."""
    height, width = shape
    if height * width <= WHOLE_PLANE_PIXELS:
        yield 0, 0, height, width
        return
    for y0 in _starts(height, math.isqrt(windows)):
        for x0 in _starts(width, math.isqrt(windows)):
            yield y0, x0, min(y0 + WINDOW, height), min(x0 + WINDOW, width)


def _starts(length: int, count: int) -> list[int]:
    """Aligned starts of windows in the middle of so many equal parts."""
    middles = (np.arange(count) + 0.5) * length / count - WINDOW / 2
    return sorted({max(0, int(middle)) // WINDOW * WINDOW for middle in middles})


def _flat(plane: np.ndarray) -> np.ndarray:
    """Pixels of a plane in a row."""
    return plane.reshape(-1, plane.shape[-1])
