"""OME-TIFF sets whose OME-XML is in another file: a companion, or one TIFF of the set.

Source: OME-TIFF specification, "BinaryOnly" and "companion.ome".
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import tifffile

from napari_hqsam.errors import HqsamWarning, ImageError, shown
from napari_hqsam.files import below

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".companion.ome"
_LARGEST = 2**28
"""Bytes of OME-XML."""


def whole_set(
    tif: tifffile.TiffFile, path: Path, allowed: bool
) -> tuple[Path, str] | None:
    """Find the description of a TIFF whose own is in another file.

    Parameters
    ----------
    tif : tifffile.TiffFile
    path : pathlib.Path
        Where it is.
    allowed : bool
        If the description is missing, warn, and read the planes of this file alone.

    Returns
    -------
    (pathlib.Path, str) or None
        A TIFF of the set and the OME-XML of the whole; None if it has its own.

    Raises
    ------
    ImageError
        The description is not below the folder of the file, or is none.
    """
    name = _metadata_file(tif.ome_metadata if tif.is_ome else None)
    if name is None:
        return None
    other = below(path.parent, name)
    if other is None or not other.is_file():
        text = f"{path} is one file of a set that {shown(name)} describes, which is "
        if not allowed:
            raise ImageError(
                f"{text}missing: copy it into the same folder, or allow missing parts "
                "to read the planes of this file alone",
                parameter="allow_missing",
            )
        text += "missing: the planes of this file alone are read"
        warnings.warn(text, HqsamWarning, stacklevel=6)
        return None
    if other.name.lower().endswith(SUFFIX):
        return read_companion(other)
    with tifffile.TiffFile(other) as master:
        described = master.ome_metadata or ""
    if _metadata_file(described) is not None:
        raise ImageError(
            f"{path} is described by {other.name}, which is described by another file: "
            "save the set again"
        )
    return other, described


def _metadata_file(ome_xml: str | None) -> str | None:
    """Return the name of the file that describes this one; None if it does itself."""
    if not ome_xml or "BinaryOnly" not in ome_xml:
        return None
    found = ElementTree.fromstring(ome_xml).find("{*}BinaryOnly")
    return None if found is None else found.get("MetadataFile")


def image_number(ome_xml: str, path: Path) -> str | None:
    """Return the number of the image of a set that holds the planes of a file.

    Parameters
    ----------
    ome_xml : str
        OME-XML of the whole set.
    path : pathlib.Path
        A file of it.

    Returns
    -------
    str or None
        From 0; None if the set is one image.

    Raises
    ------
    ImageError
        It holds planes of none or of several.
    """
    images = ElementTree.fromstring(ome_xml).findall("{*}Image")
    if len(images) < 2:
        return None
    names = [
        {each.get("FileName") for each in image.iterfind(".//{*}TiffData/{*}UUID")}
        for image in images
    ]
    numbers = [str(n) for n, found in enumerate(names) if path.name in found]
    if len(numbers) != 1:
        raise ImageError(
            f"{path} is one file of a set of {len(images)} images, and of which of "
            f"them is unclear: choose one by its number, 0 to {len(images) - 1}",
            parameter="key",
        )
    return numbers[0]


def read_companion(path: Path) -> tuple[Path, str]:
    """Return the first TIFF that a companion file names, and its OME-XML.

    Raises
    ------
    ImageError
        It is no OME-XML, or none of its files is there.
    """
    if path.stat().st_size > _LARGEST:
        raise ImageError(f"{path} is larger than {_LARGEST} bytes: it is no OME-XML")
    try:
        text = path.read_bytes().decode()
        root = ElementTree.fromstring(text)  # expat bounds what entities expand to
    except (ValueError, ElementTree.ParseError) as error:
        raise ImageError(f"{path} is no OME-XML ({error}); copy it again") from error
    names = [
        each.get("FileName", "") for each in root.iterfind(".//{*}TiffData/{*}UUID")
    ]
    files = [below(path.parent, name) for name in dict.fromkeys(names) if name]
    there = next((file for file in files if file is not None and file.is_file()), None)
    if there is None:
        first = f" ({shown(names[0])}, ...)" if names else ""
        raise ImageError(
            f"{path} names {len(files)} TIFF files{first}, none of which is beside it: "
            "copy all files of the set into one folder"
        )
    return there, text
