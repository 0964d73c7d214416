"""Regions of a plane at the scale at which the network looks at them.

At level k a network pixel covers 2^k plane pixels along each axis. Pixels are
normalised first and averaged (or magnified) afterwards, as 8-bit values: so NaN
is filled before it can spread, bool and every integer and float type are treated
alike, a single hot pixel weighs no more than a white one, and what an average
needs is bounded. All arithmetic is in integers: the same input gives the same
bytes on every machine, whatever the region a pixel is read with.
"""

from __future__ import annotations

import operator
import warnings
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.geometry.planes import as_ints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.geometry import Box
    from napari_hqsam.images.image import Image
    from napari_hqsam.images.normalizing import Normalization

_FINEST = -8  # sums of the interpolation at lower levels would not fit 32 bits
# What is read at once to be averaged, if a chunk is not larger. A block takes
# about five times as much memory while it is worked on.
_BLOCK_BYTES = 2**24
_BLOCK_SIDE = 2**12  # at most, however large a chunk: sums of a block fit 32 bits


def read_rgb8(
    image: Image,
    normalization: Normalization,
    index: int | Sequence[int],
    region: Sequence[int],
    level: int,
) -> np.ndarray:
    """Read a region of a plane at a level, as the network sees it.

    A level of `image.pyramid` is read as it is. At a level that is missing a
    network pixel is the mean, rounded half up, of the pixels that it covers at
    the nearest finer level of the pyramid, or else at level 0. Below level 0
    the plane is magnified bilinearly, pixel centres aligned; the pixels beside
    the region are read too, so that neighbouring regions fit without a seam.

    Memory is bounded, however coarse the level: to average, blocks of 16 MB are
    read, or of one chunk of the source if that is larger, of at most 4096 x
    4096 pixels. All else is about the size of the result.

    Parameters
    ----------
    image : Image
        The image.
    normalization : Normalization
        Its normalisation.
    index : tuple of int
        Plane index, as for `Image.read_plane`.
    region : (y0, x0, y1, x1)
        Half-open box in plane pixels, in multiples of 2^level if that is more
        than 1. It may end up to 2^level - 1 pixels beyond the plane; there the
        plane's last pixels are repeated.
    level : int
        A network pixel covers 2^level plane pixels along each axis; -8 at least.

    Returns
    -------
    numpy.ndarray
        uint8 of shape ``((y1 - y0) / 2^level, (x1 - x0) / 2^level, 3)``.

    Raises
    ------
    ImageError
        If the index, the region or the level is malformed or off the plane, or
        the file cannot be read there.

    Warns
    -----
    HqsamWarning
        If values are NaN or infinite: they are filled with the low limit.
    """
    level = operator.index(level)
    box = _check_region(image, region, level)
    reader = _Reader(image, normalization, index)
    if level < 0:
        grey = _magnified(reader, box, 1 << -level)
    else:
        source = max(k for k in image.levels if k <= level)
        y0, x0, y1, x1 = (v >> source for v in box)
        grey = _averaged(reader, (y0, x0, y1, x1), source, level - source)
    if reader.bad:
        warnings.warn(
            f"{image.name} has values that are NaN or infinite; they are filled with "
            "the low limit of their channel",
            HqsamWarning,
            stacklevel=2,
        )
    return normalization.compose(grey)


def _check_region(image: Image, region: Sequence[int], level: int) -> Box:
    """Return the region as ints; raise if it is not one of whole network pixels."""
    height, width = image.plane_shape
    step = 1 << max(level, 0)
    if level < _FINEST:
        raise ImageError(f"level {level} is too fine; the finest is {_FINEST}")
    complaint = (
        f"region {region!r} at level {level} must be ints (y0, x0, y1, x1), multiples "
        f"of {step}, on the plane of shape {(height, width)}"
    )
    numbers = as_ints(region, complaint)
    if len(numbers) != 4 or any(number % step for number in numbers):
        raise ImageError(complaint)
    y0, x0, y1, x1 = numbers
    if not (0 <= y0 < y1 < height + step and 0 <= x0 < x1 < width + step):
        raise ImageError(complaint)
    return y0, x0, y1, x1


class _Reader:
    """Reads normalised channels of one plane, also beyond its edges."""

    def __init__(
        self, image: Image, normalization: Normalization, index: int | Sequence[int]
    ) -> None:
        self.image, self._normalization, self._index = image, normalization, index
        self.bad = 0

    def read(self, box: Box, level: int) -> np.ndarray:
        """Read a box of an existing level, the edges of the plane repeated.

        Parameters
        ----------
        box : (y0, x0, y1, x1)
            In pixels of the level.
        level : int
            One of the image's levels.

        Returns
        -------
        numpy.ndarray
            uint8 of shape ``(h, w, k)``. NaN and infinity are added to `bad`.
        """
        height, width = self.image.level_shape(level)
        y0, x0, y1, x1 = box
        ys = np.arange(y0, y1).clip(0, height - 1)
        xs = np.arange(x0, x1).clip(0, width - 1)
        inside = int(ys[0]), int(xs[0]), int(ys[-1]) + 1, int(xs[-1]) + 1
        pixels = self.image.read_at(self._index, inside, level)
        grey, bad = self._normalization.to_grey8(pixels)
        self.bad += bad
        if grey.shape[:2] != (len(ys), len(xs)):
            grey = grey[np.ix_(ys - ys[0], xs - xs[0])]
        return grey


def _averaged(reader: _Reader, box: Box, level: int, halvings: int) -> np.ndarray:
    """Average over squares of 2^halvings pixels of an existing level.

    Read block by block; where one square is larger than a block, its sum grows
    over several.
    """
    if not halvings:
        return reader.read(box, level)
    y0, x0, y1, x1 = box
    block = _block_shape(reader.image, level, (y1 - y0, x1 - x0))
    rows, cols = (y1 - y0) >> halvings, (x1 - x0) >> halvings
    sums = np.zeros((rows, cols, len(reader.image.shown_channels)), np.uint64)
    for top, bottom in pairwise(_cuts(y0, y1, block[0])):
        for left, right in pairwise(_cuts(x0, x1, block[1])):
            part = _square_sums(
                reader.read((top, left, bottom, right), level), halvings
            )
            row, col = (top - y0) >> halvings, (left - x0) >> halvings
            sums[row : row + part.shape[0], col : col + part.shape[1]] += part
    area = 2 * halvings  # of a square, as a power of 2
    return ((sums + (1 << area >> 1)) >> area).astype(np.uint8)


def _block_shape(image: Image, level: int, extent: tuple[int, int]) -> tuple[int, int]:
    """Choose the shape of a block, powers of 2: about a chunk, or more if it fits.

    Blocks are cut at multiples of their sides, so that a chunk is decoded once
    if its own are powers of 2, else a few times. They grow along x first, for
    that is how strips of TIFF files and mapped pixels lie.
    """
    channels = image.n_channels if image.axes[-1] == "c" else len(image.shown_channels)
    room = _BLOCK_BYTES // (image.dtype.itemsize * channels)
    height, width = (
        1 << min(side, _BLOCK_SIDE).bit_length() - 1
        for side in image.chunk_shape(level)
    )
    while width < extent[1] and 2 * height * width <= room:
        width *= 2
    while height < extent[0] and 2 * height * width <= room:
        height *= 2
    return height, width


def _cuts(start: int, stop: int, side: int) -> list[int]:
    """Cut the range from start to stop at every multiple of a side."""
    return [start, *range((start // side + 1) * side, stop, side), stop]


def _square_sums(grey: np.ndarray, halvings: int) -> np.ndarray:
    """Sum squares of 2^halvings pixels, or all pixels along a shorter side."""
    sums = grey
    for _ in range(halvings):
        if sums.shape[0] > 1:
            sums = np.add(sums[0::2], sums[1::2], dtype=np.uint32)
        if sums.shape[1] > 1:
            sums = np.add(sums[:, 0::2], sums[:, 1::2], dtype=np.uint32)
    return sums


def _magnified(reader: _Reader, box: Box, factor: int) -> np.ndarray:
    """Magnify a box of level 0 by a power of 2, bilinearly."""
    y0, x0, y1, x1 = box
    grey = reader.read((y0 - 1, x0 - 1, y1 + 1, x1 + 1), 0)
    wide = _stretched(_stretched(grey, factor, 0), factor, 1)
    whole = 4 * factor * factor
    return ((wide + whole // 2) // whole).astype(np.uint8)


def _stretched(values: np.ndarray, factor: int, axis: int) -> np.ndarray:
    """Interpolate along an axis; the first and last pixel are margin.

    Network pixel v lies at (v + 1/2) / factor - 1/2 of the axis. In steps of
    1 / (2 factor), in which the result is scaled too, that is a whole number.
    """
    steps = 2 * factor
    places = 2 * np.arange((values.shape[axis] - 2) * factor) + 1 - factor + steps
    before, weight = np.divmod(places, steps)
    shape = [1, 1, 1]
    shape[axis] = -1
    weights = weight.astype(np.uint32).reshape(shape)
    left, right = values.take(before, axis), values.take(before + 1, axis)
    return left * (steps - weights) + right * weights
