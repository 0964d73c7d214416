"""Warn where the numbers in a TIFF are other than brightness or red, green and blue.

Pixels are read as they are stored, as napari and ImageJ show them. A tag that gives
them another meaning (inks, a colour table, white as 0, a value for "no data") is
reported.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from tifffile import COMPRESSION, PHOTOMETRIC

from napari_hqsam.errors import HqsamWarning, shown

if TYPE_CHECKING:
    import tifffile

_COLOURS: dict[int, str] = {
    PHOTOMETRIC.SEPARATED: "CMYK",
    PHOTOMETRIC.CIELAB: "L*a*b*",
    PHOTOMETRIC.ICCLAB: "L*a*b*",
    PHOTOMETRIC.ITULAB: "L*a*b*",
    PHOTOMETRIC.YCBCR: "YCbCr",
    PHOTOMETRIC.LOGLUV: "LogLuv",
    PHOTOMETRIC.CFA: "the filters of a camera (Bayer pattern)",
}
_TO_RGB = (COMPRESSION.OJPEG, COMPRESSION.JPEG, COMPRESSION.JPEG_LOSSY)
"""Of YCbCr: what tifffile decodes to RGB."""
_NO_DATA = 42113
"""Tag GDAL_NODATA."""


def warn_of_meaning(page: tifffile.TiffPage, name: str) -> None:
    """Warn of colours that are not RGB, an inverted scale, and missing values.

    Parameters
    ----------
    page : tifffile.TiffPage
        A page of full resolution.
    name : str
        Name of the file, for messages.

    Warns
    -----
    HqsamWarning
        One for each.
    """
    kind = page.photometric
    colours: str | None = _COLOURS.get(kind)
    if kind == PHOTOMETRIC.YCBCR and page.compression in _TO_RGB:
        colours = None
    if page.compression == COMPRESSION.APERIO_JP2000_YCBC:
        colours = "YCbCr"
    if colours:
        _warn(
            f"{name} stores colours as {colours}, which are read as if they were red, "
            "green and blue; convert it to RGB"
        )
    # ImageJ marks an inverted display so, and means the numbers as they are.
    if not page.is_imagej and kind == PHOTOMETRIC.PALETTE:
        _warn(
            f"{name} has a colour table; its indices are read as intensities. "
            "Convert it to RGB if they are colours"
        )
    if not page.is_imagej and kind == PHOTOMETRIC.MINISWHITE:
        _warn(
            f"{name} stores white as 0 and black as the highest number; it is read as "
            "it is stored, dark for bright, as in napari. Invert it if that matters"
        )
    missing = page.tags.valueof(_NO_DATA)
    if missing not in (None, ""):
        _warn(
            f"{name} marks pixels without data by {shown(str(missing).strip())}; they "
            "are read as that number"
        )


def _warn(text: str) -> None:
    """Warn the caller of ``open_image``."""
    warnings.warn(text, HqsamWarning, stacklevel=7)
