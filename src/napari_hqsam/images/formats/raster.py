"""PNG, JPEG, BMP and other pictures, by Pillow.

Decisions: palettes become their colours (or stay indices, for labels); alpha
is dropped and the stored colours are kept, not blended with a background that
nobody chose; CMYK, YCbCr, Lab and HSV become RGB; an Exif
orientation is reported, not applied, so that pixels stay where napari shows them; of an
animation only the first frame is read.
"""

from __future__ import annotations

import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, UnidentifiedImageError
from PIL import Image as Pillow

from napari_hqsam.errors import HqsamWarning, ImageError, reason
from napari_hqsam.images.memory import check_decoded
from napari_hqsam.images.orientation import warn_if_turned
from napari_hqsam.images.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Formats that are one picture and decoded by Pillow itself: no TIFF (tifffile
# reads it better), nothing that starts another program (EPS).
_FORMATS = ("PNG", "JPEG", "JPEG2000", "BMP", "GIF", "PPM", "TGA", "WEBP")
_BYTES = {"1": 1, "L": 1, "P": 1, "LA": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}
_MOST_BYTES = 4
"""Of a pixel in Pillow's memory, where it holds the picture as a whole."""
_AS_STORED = ("1", "L", "I", "F")
_lock = threading.Lock()


def open_raster(path: Path, *, keep_indices: bool = False) -> Source:
    """Read a picture.

    Parameters
    ----------
    path : pathlib.Path
        A file in one of Pillow's formats.
    keep_indices : bool
        Return the indices of a palette picture, not its colours.

    Returns
    -------
    Source
        ``yx`` (bool, uint8, uint16, int32 or float32) or ``yxc`` RGB (uint8).

    Raises
    ------
    ImageError
        If it is no picture, is damaged or cut short, or takes more memory than
        `images.memory.decode_limit`.
    """
    try:
        with _large_pictures(), Pillow.open(path, formats=_FORMATS) as picture:
            _check_size(picture, path)
            _warn_of_losses(picture, path)
            array = _pixels(picture, keep_indices)
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{path} is no TIFF, .npy, PNG, JPEG or other picture that can be read; "
            "save it as TIFF or OME-Zarr"
        ) from error
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # each format has its own errors for damaged files
        raise ImageError(
            f"{path} cannot be read ({reason(error)}); it may be damaged or cut short"
        ) from error
    is_rgb = array.ndim == 3
    return Source(array, path.name, "yxc" if is_rgb else "yx", is_rgb)


def _check_size(picture: Pillow.Image, path: Path) -> None:
    """Raise ImageError if a decoded picture would exceed the memory limit."""
    size = _BYTES.get(picture.mode, _MOST_BYTES)
    check_decoded(picture.width * picture.height * size, str(path))


def _warn_of_losses(picture: Pillow.Image, path: Path) -> None:
    """Warn of what is not read: further frames, 16-bit colours, an orientation."""
    frames = getattr(picture, "n_frames", 1)
    if frames > 1:
        _warn(f"{path.name} has {frames} frames; only the first is read")
    # Pillow keeps 16 bits of grey pictures only, and reads the rest as 8 bits.
    stored = str(getattr(picture, "tile", ""))
    if ";16" in stored and not picture.mode.startswith("I"):
        _warn(
            f"{path.name} has 16 bits per colour, of which 8 are read; save it as "
            "TIFF to use them all"
        )
    # Last, since of a PNG this decodes the pixels.
    warn_if_turned(path.name, picture.getexif().get(ExifTags.Base.Orientation, 1))


def _pixels(picture: Pillow.Image, keep_indices: bool) -> np.ndarray:
    """Decode to grey (h, w) or RGB (h, w, 3)."""
    mode = picture.mode
    if mode.startswith("I;16"):
        return np.asarray(picture).astype(np.uint16)
    if mode in _AS_STORED or (mode == "P" and keep_indices):
        return np.asarray(picture)
    return np.asarray(picture.convert("L" if mode in ("LA", "La") else "RGB"))


def _warn(text: str) -> None:
    """Warn the caller of ``open_image``."""
    warnings.warn(text, HqsamWarning, stacklevel=7)


@contextmanager
def _large_pictures() -> Iterator[None]:
    """Disable Pillow's size limit, meant for web servers: `_check_size` replaces it."""
    with _lock:
        limit, Pillow.MAX_IMAGE_PIXELS = Pillow.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Pillow.MAX_IMAGE_PIXELS = limit
