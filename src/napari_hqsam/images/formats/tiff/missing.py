"""Missing parts of a TIFF: an error that names them, or zeros with a warning.

Files of a set that are not there, a file that ends before its pixels do, and what
tifffile only logs where it goes on with fewer planes than the metadata name.
"""

from __future__ import annotations

import logging
import math
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.images.memory import check_fits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import tifffile

_FAILED = re.compile(r"failed to read '([^']+)'")
"""A file that belongs to a series and cannot be read."""
_CUT = "invalid page offset"
_INCOMPLETE = re.compile(
    r"is missing|missing files|subset|index not found|out of range|invalid TiffData"
    rf"|ImageJ series metadata invalid|{_CUT}"
)
"""tifffile goes on with fewer planes than the metadata name."""
_ABOUT = re.compile(r"^<tifffile\.\w+ [^>]*> ")
"""How its messages begin: the object that complains."""
_IMAGEJ_PLANES = re.compile(r"^images=(\d+)", re.MULTILINE)


@contextmanager
def collect_complaints() -> Iterator[list[str]]:
    """Collect what tifffile logs about damage, and keep it from the terminal."""
    found: list[str] = []

    def collect(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        incomplete = _FAILED.search(text) or _INCOMPLETE.search(text)
        if record.levelno >= logging.ERROR or incomplete:
            found.append(_ABOUT.sub("", " ".join(text.split())))
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(collect)
    try:
        yield found
    finally:
        logger.removeFilter(collect)


def check_missing(
    series: tifffile.TiffPageSeries,
    complaints: list[str],
    path: Path,
    *,
    allowed: bool,
) -> None:
    """Raise ImageError if planes that the metadata name are missing.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
        What is read.
    complaints : list of str
        From `collect_complaints`; what is reported here is removed.
    path : pathlib.Path
        The file.
    allowed : bool
        Warn instead.

    Raises
    ------
    ImageError
        Planes are missing.
    """
    missing, named = _missing_planes(series), _named(complaints)
    incomplete = [text for text in complaints if _INCOMPLETE.search(text)]
    if missing:
        count = len(series.pages)
        where = f"in {', '.join(named)}, which cannot be read" if named else "nowhere"
        text = f"{path}: {missing} of its {count} planes are {where}"
    elif incomplete:
        text = f"{path} is {_rephrased(incomplete[0], series)}"
    else:
        return
    if not allowed:
        raise ImageError(
            f"{text}; copy all files of the image into one folder again, or allow "
            "missing parts, which are read as 0",
            parameter="allow_missing",
        )
    known = [t for t in complaints if _INCOMPLETE.search(t) or _FAILED.search(t)]
    complaints[:] = [text for text in complaints if text not in known]
    _warn(f"{text}; what is missing is read as 0, or left out at the end")


def check_complete(
    level: tifffile.TiffPageSeries, path: Path, *, allowed: bool
) -> None:
    """Raise ImageError if the file ends before its pixels do.

    Parameters
    ----------
    level : tifffile.TiffPageSeries
        One level of what is read. If allowed, what lies beyond the end is taken out
        of its tables, so that tifffile gives 0.
    path : pathlib.Path
        The file.
    allowed : bool
        Warn instead.

    Raises
    ------
    ImageError
        Pixels are missing.
    """
    last = next((page for page in reversed(level.pages) if page), level.keyframe)
    size, end = last.parent.filehandle.size, _end(level, last)
    if end <= size:
        return
    text = f"{path} is cut short: its pixels end at byte {end}, the file at byte {size}"
    if not allowed:
        raise ImageError(
            f"{text}; copy it again, or allow missing parts, which are read as 0",
            parameter="allow_missing",
        )
    _warn(f"{text}; what is missing is read as 0")
    if level.dataoffset is None:
        for page in filter(None, level.pages):
            _forget_beyond(page)


def lies_in_file(level: tifffile.TiffPageSeries) -> bool:
    """Whether all pixels of contiguous data are in the file."""
    return _end(level, level.keyframe) <= level.keyframe.parent.filehandle.size


def padded(level: tifffile.TiffPageSeries, path: Path) -> np.ndarray:
    """Read contiguous data of a truncated file, padded with 0."""
    dtype = np.dtype(level.keyframe.parent.byteorder + level.dtype.char)
    count = math.prod(level.shape)
    check_fits(count * dtype.itemsize, f"the pixels of {path}", "copy the file again")
    pixels = np.zeros(count, dtype)
    there = np.fromfile(path, dtype, count, offset=level.dataoffset or 0)
    pixels[: len(there)] = there
    return pixels.reshape(level.shape)


def _missing_planes(series: tifffile.TiffPageSeries) -> int:
    """Count planes that tifffile would read as zeros."""
    tif = series.keyframe.parent
    if not (tif.is_ome or tif.is_mmstack or tif.is_ndtiff):
        return 0  # no other kind names planes one by one; to look loads all pages
    return sum(page is None for page in series.pages)


def _named(complaints: list[str]) -> list[str]:
    """Return the files that could not be read."""
    return [found[1] for text in complaints if (found := _FAILED.search(text))]


def _rephrased(complaint: str, series: tifffile.TiffPageSeries) -> str:
    """Rephrase a log message of tifffile."""
    if _CUT in complaint:
        return "cut short: it names pages beyond its end"
    described = series.keyframe.parent.pages.first.description
    if "ImageJ" in complaint and (found := _IMAGEJ_PLANES.search(described)):
        return (
            f"cut short: its ImageJ metadata name {found[1]} planes, which end beyond "
            "the file"
        )
    return f"not complete: {complaint}"


def _end(level: tifffile.TiffPageSeries, last: Any) -> int:  # noqa: ANN401 - page or frame
    """Return the byte at which the pixels end."""
    if level.dataoffset is not None:
        return int(level.dataoffset + math.prod(level.shape) * level.dtype.itemsize)
    return max(map(sum, zip(last.dataoffsets, last.databytecounts, strict=True)))


def _forget_beyond(page: Any) -> None:  # noqa: ANN401 - page or frame
    """Remove strips or tiles beyond the end of the file from the table of a page."""
    size = page.parent.filehandle.size
    kept = [
        (at, count) if at + count <= size else (0, 0)
        for at, count in zip(page.dataoffsets, page.databytecounts, strict=True)
    ]
    page.dataoffsets = tuple(at for at, _ in kept)
    page.databytecounts = tuple(count for _, count in kept)


def _warn(text: str) -> None:
    """Warn the caller of ``open_image``."""
    warnings.warn(text, HqsamWarning, stacklevel=7)
