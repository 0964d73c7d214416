"""Limits on the memory that a file may claim: few bytes may expand to gigabytes.

Two limits. What is decoded as one piece (a picture, a strip of a TIFF, a chunk of a
zarr) is bounded by a fixed size, which the user may raise. What is held as a whole
is bounded by the memory that is free.
"""

from __future__ import annotations

import os

import psutil  # type: ignore[import-untyped]

from napari_hqsam.errors import ImageError

DECODE_VARIABLE = "NAPARI_HQSAM_DECODE_GB"
DEFAULT_DECODE_GB = 1.0
MEMORY_SHARE = 0.5
"""Share of the free memory that one array may take; others need some as well."""


def decode_limit() -> int:
    """Return the largest size of a decoded piece of a file, bytes.

    Raises
    ------
    ImageError
        The environment variable does not hold a size.
    """
    declared = os.environ.get(DECODE_VARIABLE)
    try:
        size = float(declared) if declared else DEFAULT_DECODE_GB
    except ValueError:
        size = 0.0
    if not 0 < size < 2**20:
        raise ImageError(
            f"{DECODE_VARIABLE} is {declared!r}: set it to a size in GB such as 4"
        )
    return int(size * 1e9)


def check_decoded(size: int, what: str) -> None:
    """Raise ImageError if a decoded piece of a file would exceed `decode_limit`.

    Parameters
    ----------
    size : int
        Bytes that it takes then.
    what : str
        Names it, for the message.

    Raises
    ------
    ImageError
        It takes more than `decode_limit`.
    """
    limit = decode_limit()
    if size > limit:
        raise ImageError(
            f"{what} takes {size / 1e9:.1f} GB when it is decoded, the limit is "
            f"{limit / 1e9:g} GB: if you trust the file, set {DECODE_VARIABLE} to "
            f"{-(-size // 10**9)}, or save it as tiled TIFF or OME-Zarr"
        )


def check_fits(size: int, what: str, remedy: str) -> None:
    """Raise ImageError unless an array fits into the free memory as a whole.

    Parameters
    ----------
    size : int
        Its bytes.
    what, remedy : str
        Name it, and say what to do, for the message.

    Raises
    ------
    ImageError
        It takes more than half of the memory that is free.
    """
    free = psutil.virtual_memory().available
    if size > free * MEMORY_SHARE:
        raise ImageError(
            f"{what} take {size / 2**30:.1f} GiB, {free / 2**30:.1f} GiB of memory "
            f"are free; {remedy}"
        )
