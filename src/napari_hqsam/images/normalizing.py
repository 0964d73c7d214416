"""How pixel values become the 8-bit RGB that the network sees.

One normalisation per image: the same pixel value gives the same colour in
every tile and on every plane, so that masks do not depend on where a tile
happens to lie. It is a pure function of pixel value and channel.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.images.sampling import sample_pixels

if TYPE_CHECKING:
    from napari_hqsam.images.image import Image

Limits: TypeAlias = Sequence[float] | Sequence[Sequence[float]]
NormalizationSpec: TypeAlias = "Literal['percentile', 'none'] | Limits | Normalization"

# The brightest and darkest of a thousand pixels are left out: hot pixels, dust.
LOW_PERCENTILE = 0.1
HIGH_PERCENTILE = 99.9
_MID_GREY = 128
_FLOAT_PIXELS_AT_ONCE = 2**16  # its float64 copies stay in the cache


@dataclass(frozen=True)
class Normalization:
    """Linear map of each channel from ``[low, high]`` to 0..255, clipped.

    ``v -> rint(255 * clip((v - low) / (high - low), 0, 1))``; where low equals
    high: 0 below, 128 at, and 255 above it. Equal normalisations compare and
    hash equal, and ``repr`` names every number: both can serve as a key.

    Attributes
    ----------
    lows, highs : tuple of float
        Limits of each channel of a plane, in data values.
    mapping : tuple of int
        Which of the plane's channels becomes R, G and B.
    """

    lows: tuple[float, ...]
    highs: tuple[float, ...]
    mapping: tuple[int, int, int]

    def to_rgb8(self, plane: np.ndarray) -> np.ndarray:
        """Convert pixels to the 8-bit RGB that the network sees.

        Parameters
        ----------
        plane : numpy.ndarray
            ``(h, w, k)`` as `Image.read_plane` gives it, or ``(h, w)`` if k is
            1; of a whole plane or any part of one. Not modified.

        Returns
        -------
        numpy.ndarray
            uint8 of shape ``(h, w, 3)``.

        Raises
        ------
        ImageError
            If the plane has another number of channels.

        Warns
        -----
        HqsamWarning
            If values are NaN or infinite: they are filled with the low limit.
        """
        grey, bad = self.to_grey8(plane)
        if bad:
            warnings.warn(
                f"{bad} of {grey.size} values are NaN or infinite; they are filled "
                "with the low limit of their channel",
                HqsamWarning,
                stacklevel=2,
            )
        return self.compose(grey)

    def to_grey8(self, plane: np.ndarray) -> tuple[np.ndarray, int]:
        """Map each channel to 0..255 by itself: the first half of `to_rgb8`.

        Parameters
        ----------
        plane : numpy.ndarray
            As for `to_rgb8`.

        Returns
        -------
        grey : numpy.ndarray
            uint8 of shape ``(h, w, k)``.
        bad : int
            How many values were NaN or infinite.

        Raises
        ------
        ImageError
            If the plane has another number of channels.
        """
        bands = plane[..., None] if plane.ndim == 2 else plane
        if bands.ndim != 3 or bands.shape[-1] != len(self.lows):
            raise ImageError(
                f"a plane of shape {plane.shape} does not fit this normalisation, "
                f"which is for (h, w, {len(self.lows)})"
            )
        # Channel by channel in memory, as they are written and averaged.
        planar = np.empty((len(self.lows), *bands.shape[:2]), np.uint8)
        bad = 0
        for band, (low, high) in enumerate(zip(self.lows, self.highs, strict=True)):
            bad += _to_grey8(bands[..., band], low, high, out=planar[band])
        return planar.transpose(1, 2, 0), bad

    def compose(self, grey: np.ndarray) -> np.ndarray:
        """Compose RGB from converted channels: the second half of `to_rgb8`.

        Parameters
        ----------
        grey : numpy.ndarray
            uint8 of shape ``(h, w, k)``, one channel for each pair of limits.

        Returns
        -------
        numpy.ndarray
            uint8 of shape ``(h, w, 3)``.
        """
        rgb = np.empty((*grey.shape[:2], 3), np.uint8)
        for position, source in enumerate(self.mapping):
            rgb[..., position] = grey[..., source]
        return rgb


def normalization(
    image: Image, spec: NormalizationSpec = "percentile"
) -> Normalization:
    """Compute the normalisation of an image.

    Parameters
    ----------
    image : Image
        The image; a bounded sample of it is read for "percentile" alone.
    spec : {"percentile", "none"}, (low, high), sequence of these, or Normalization
        "percentile": the 0.1 and 99.9 percentiles of a fixed sample over the
        whole stack (see `sampling`), for each channel; for RGB of all three
        together, so that colours keep their hue. They are values that occur in
        the sample; where they coincide, its extremes are used. bool is shown
        as black and white. "none": 8-bit values as they are. Numbers: these
        limits, one pair for all channels or one pair for each of
        `image.shown_channels`, as a viewer's contrast limits. A normalisation
        that was made before is returned as it is.

    Returns
    -------
    Normalization
        The same for the same pixels, on every machine.

    Raises
    ------
    ImageError
        If the limits are not numbers with low < high or not one pair per
        channel; if "none" is asked for other than 8-bit data; if no sampled
        pixel is finite; if one made before is for other channels.

    Warns
    -----
    HqsamWarning
        If a channel is constant in the sample.
    """
    count = len(image.shown_channels)
    mapping = tuple(image.shown_channels.index(channel) for channel in image.channels)
    if isinstance(spec, Normalization):
        if (len(spec.lows), spec.mapping) != (count, mapping):
            raise ImageError(
                f"{spec} is for other channels than the {count} shown of {image.name}; "
                "make one for this image"
            )
        return spec
    if isinstance(spec, str):
        limits = _named_limits(image, spec)
    else:
        limits = _given_limits(spec, count)
    return Normalization(
        lows=tuple(low for low, _ in limits),
        highs=tuple(high for _, high in limits),
        mapping=(mapping[0], mapping[1], mapping[2]),
    )


def _named_limits(image: Image, spec: str) -> list[tuple[float, float]]:
    """Return the limits of each channel for a specification by name."""
    count = len(image.shown_channels)
    if spec not in ("percentile", "none"):
        raise ImageError(
            f'normalization {spec!r} is unknown; use "percentile", "none" or '
            "(low, high)"
        )
    if image.dtype == np.bool_:
        return [(0.0, 1.0)] * count
    if spec == "percentile":
        return _percentile_limits(image)
    if image.dtype != np.uint8:
        raise ImageError(
            f'normalization "none" needs uint8, {image.name} is {image.dtype}; use '
            '"percentile" or (low, high)'
        )
    return [(0.0, 255.0)] * count


def _given_limits(spec: Limits, count: int) -> list[tuple[float, float]]:
    """Return the limits of each channel for a specification by numbers."""
    try:
        pairs = np.asarray(spec, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ImageError(f"contrast limits {spec!r} must be numbers") from error
    if pairs.shape == (2,):
        pairs = np.tile(pairs, (count, 1))
    if pairs.shape != (count, 2):
        raise ImageError(
            f"contrast limits {spec!r} must be (low, high), or {count} such pairs, one "
            "for each channel shown"
        )
    if not (np.isfinite(pairs).all() and (pairs[:, 0] < pairs[:, 1]).all()):
        raise ImageError(f"contrast limits {spec!r} must be finite, with low < high")
    return [(float(low), float(high)) for low, high in pairs]


def _percentile_limits(image: Image) -> list[tuple[float, float]]:
    """Compute the limits of each channel from a sample of the image."""
    sample = sample_pixels(image)
    together = image.is_rgb and sample.shape[1] > 1
    columns = [sample.ravel()] if together else list(sample.T)
    limits = [_limits_of(column, image.name) for column in columns]
    constant = [low for low, high in limits if low == high]
    if constant:
        warnings.warn(
            f"{image.name} is constant where it was sampled (value {constant[0]:g}); "
            "it is shown as mid-grey. Pass contrast limits if it is not empty",
            HqsamWarning,
            stacklevel=4,
        )
    return limits * sample.shape[1] if together else limits


def _limits_of(values: np.ndarray, name: str) -> tuple[float, float]:
    """Return percentiles that occur in the sample; its extremes if they coincide."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if finite.size == 0:
        raise ImageError(
            f"{name} has no finite pixel among the {values.size} sampled; pass "
            "contrast limits (low, high)"
        )
    low = float(np.percentile(finite, LOW_PERCENTILE, method="lower"))
    high = float(np.percentile(finite, HIGH_PERCENTILE, method="higher"))
    return (low, high) if low < high else (float(finite.min()), float(finite.max()))


def _to_grey8(band: np.ndarray, low: float, high: float, out: np.ndarray) -> int:
    """Map one channel to uint8; return how many values are NaN or infinite."""
    if band.dtype.kind in "bui" and band.dtype.itemsize <= 2:
        # Every bit pattern there can be, of either byte order, is mapped once.
        unsigned = np.dtype(f"u{band.dtype.itemsize}")
        out[...] = _table(band.dtype, low, high)[band.view(unsigned)]
        return 0
    bad = 0
    rows = max(1, _FLOAT_PIXELS_AT_ONCE // max(1, band.shape[1]))
    for top in range(0, band.shape[0], rows):
        values = band[top : top + rows].astype(np.float64)
        unfit = ~np.isfinite(values)
        values[unfit] = low
        bad += int(unfit.sum())
        out[top : top + rows] = _scale(values, low, high)
    return bad


@lru_cache(maxsize=16)
def _table(dtype: np.dtype, low: float, high: float) -> np.ndarray:
    """Make the lookup table from bit patterns of a 1- or 2-byte type to grey values."""
    patterns = np.arange(2 ** (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}")
    values = patterns != 0 if dtype == np.bool_ else patterns.view(dtype)
    return _scale(values.astype(np.float64), low, high)


def _scale(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Apply the formula of `Normalization` to finite float64 values."""
    if low == high:
        grey = np.full(values.shape, _MID_GREY, np.uint8)
        grey[values < low] = 0
        grey[values > low] = 255
        return grey
    # Limits of opposite sign near the largest float lie further apart than it.
    half = 1.0 if math.isfinite(high - low) else 0.5
    distance = np.clip(values, low, high) * half - low * half
    share = distance / (high * half - low * half)
    scaled: np.ndarray = np.rint(share * 255).astype(np.uint8)
    return scaled
