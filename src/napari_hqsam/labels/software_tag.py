"""Detect label images that this package has written.

Others are not replaced unasked: a raw image has the same suffix, and cannot be made
again.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import tifffile

from napari_hqsam.images.formats.tiff.tables import check_tables

if TYPE_CHECKING:
    import os

MADE_BY = "napari-hqsam"
"""TIFF tag Software, and attribute `MADE_BY_KEY` of zarr groups."""
MADE_BY_KEY = "made_by"


def is_written_by_us(path: str | os.PathLike[str]) -> bool:
    """Whether this package has written a label image; False if it cannot be read.

    Parameters
    ----------
    path : path
        A TIFF, or a folder of OME-Zarr. An empty file or folder counts: there is
        nothing in it to be lost.
    """
    target = Path(path)
    with suppress(Exception):  # whatever it is, it is none of ours
        if target.is_dir():
            return _is_our_zarr(target)
        return target.stat().st_size == 0 or _is_our_tiff(target)
    return False


def _is_our_tiff(path: Path) -> bool:
    logger = logging.getLogger("tifffile")
    before, logger.disabled = logger.disabled, True
    try:
        check_tables(path)
        with tifffile.TiffFile(path) as tif:
            return str(tif.pages.first.tags["Software"].value) == MADE_BY
    finally:
        logger.disabled = before


def _is_our_zarr(folder: Path) -> bool:
    if not any(folder.iterdir()):
        return True
    import zarr

    from napari_hqsam.images.formats.zarr.multiscale import is_label_image

    group = zarr.open_group(str(folder), mode="r")
    made_by = group.attrs.asdict().get(MADE_BY_KEY)
    return is_label_image(group) and made_by == MADE_BY
