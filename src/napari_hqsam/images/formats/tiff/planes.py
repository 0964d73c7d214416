"""Check the planes and files that the metadata of a TIFF name.

OME-XML and Micro-Manager say how many planes there are, and in which other files.
tifffile lists as many planes and opens the files without a check of its own.
"""

from __future__ import annotations

import math
from glob import escape
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from tifffile.tifffile import read_ndtiff_index

from napari_hqsam.errors import ImageError, shown
from napari_hqsam.files import below
from napari_hqsam.images.formats.tiff.tables import check_tables

if TYPE_CHECKING:
    from pathlib import Path

    import tifffile

MOST_PLANES = 30_000_000
"""Of a file; a list of as many takes 240 MB."""


def check_planes(tif: tifffile.TiffFile, path: Path, smallest: int) -> None:
    """Raise ImageError if the metadata name too many planes, or files elsewhere.

    Parameters
    ----------
    tif : tifffile.TiffFile
        Just opened, its series not looked at.
    path : pathlib.Path
        Where it is.
    smallest : int
        Pixels of its smallest page, from `check_tables`.

    Raises
    ------
    ImageError
        There are more than `MOST_PLANES`; or files are named that are not below
        its folder, or whose own page tables are invalid.
    """
    pixels, planes, names = 0, 0, set[str]()
    if tif.is_ome and tif.ome_metadata:
        pixels, planes, names = _ome(tif.ome_metadata, len(tif.pages))
    if getattr(tif, "is_ndtiff", False):
        found, others = _ndtiff(path.parent / "NDTiff.index")
        planes, names = planes + found, names | others
    if getattr(tif, "is_mmstack", False) and (settings := tif.micromanager_metadata):
        found, others = _mmstack(settings, path)
        planes, names = planes + found, names | others
    for name in sorted(names - {path.name}):
        other = below(path.parent, name)
        if other is None:
            raise ImageError(
                f"{path}: its metadata name the file {shown(name)}, which is not below "
                "its folder; put it there"
            )
        if other.is_file():
            smallest = min(smallest, check_tables(other))
    planes = max(planes, pixels // smallest)
    if planes > MOST_PLANES:
        raise ImageError(
            f"{path}: its metadata name {shown(planes)} planes, the limit is "
            f"{MOST_PLANES}; they are damaged, save the image anew"
        )


def _ome(text: str, pages: int) -> tuple[int, int, set[str]]:
    """Return the numbers of pixels and planes in OME-XML, and the files it names."""
    try:
        root = ElementTree.fromstring(text)  # expat bounds what entities expand to
    except ElementTree.ParseError:
        return 0, 0, set()
    most, planes, names = 0, 0, set[str]()
    own = root.get("UUID", "")
    for pixels in root.iterfind("{*}Image/{*}Pixels"):
        sizes = [_whole(pixels.get(f"Size{axis}", 1)) for axis in "XYZCT"]
        most = max(most, math.prod(sizes))
        planes += math.prod(sizes[2:])
        for data in pixels.iterfind("{*}TiffData"):
            count = data.get("NumPlanes", 1 if "IFD" in data.attrib else pages)
            planes += _whole(data.get("PlaneCount", count)) or pages
            # Its own name in it may be a path of the computer that wrote it.
            others = (u for u in data.iterfind("{*}UUID") if u.text != own)
            names |= {uuid.get("FileName", "") for uuid in others}
    for along in root.iterfind("{*}StructuredAnnotations//*[@Start]"):
        start, end, step = (float(along.get(n, 1)) for n in ("Start", "End", "Step"))
        planes += int(abs((end - start) / step))
    return most, planes, names - {""}


def _ndtiff(index: Path) -> tuple[int, set[str]]:
    """Return the number of planes in an NDTiff index, and the files it names."""
    low: dict[str, int] = {}
    high: dict[str, int] = {}
    names = set()
    for axes, name, *_ in read_ndtiff_index(index):
        names.add(name)
        for axis, at in axes.items():
            if isinstance(at, int):
                low[axis] = min(low.get(axis, at), at)
                high[axis] = max(high.get(axis, at), at)
    return math.prod(high[axis] - low[axis] + 1 for axis in low), names


def _mmstack(metadata: dict[str, Any], path: Path) -> tuple[int, set[str]]:
    """Return the number of planes of a Micro-Manager stack, and its files."""
    summary, index = metadata["Summary"], np.asarray(metadata["IndexMap"])
    found = index[:, :4].max(axis=0, initial=0).tolist()
    counted = ("Channels", "Slices", "Frames", "Positions")
    sizes = [
        max(_whole(summary.get(name, 1)), int(at) + 1)
        for name, at in zip(counted, found, strict=True)
    ]
    prefix, marked, _ = path.name.partition("_MMStack")
    others = path.parent.glob(f"{escape(prefix)}_MMStack*.tif") if marked else ()
    return math.prod(sizes), {other.name for other in others}


def _whole(value: object) -> int:
    """Parse a count as tifffile does, and drop its sign."""
    return abs(int(value))  # type: ignore[call-overload, no-any-return]
