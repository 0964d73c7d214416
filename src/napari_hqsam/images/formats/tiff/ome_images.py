"""Which image of an OME-XML a series of a TIFF is, and where its first plane lay.

tifffile leaves out images without pixels, such as an overview whose pixels are in
another file, so its series are not numbered like the images.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tifffile

from napari_hqsam.errors import HqsamWarning

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIZES = ("PhysicalSize", "TimeIncrement")
"""How the names of all attributes begin that tell the size of a pixel."""


def pixels_of_series(tif: tifffile.TiffFile, series: int) -> dict[str, Any]:
    """Return the element ``Pixels`` of a series; {} if it is unclear which it is.

    Parameters
    ----------
    tif : tifffile.TiffFile
        With OME-XML.
    series : int
        Its number.

    Warns
    -----
    HqsamWarning
        The file tells of several images that differ in the size of a pixel, and there
        are not as many series.
    """
    ome = tifffile.xml2dict(tif.ome_metadata or "")["OME"]
    images = _listed(ome.get("Image", []))  # none: they are described elsewhere
    every: list[dict[str, Any]] = [
        each["Pixels"] for each in images if "Pixels" in each
    ]
    stored = [pixels for pixels in every if _is_stored(pixels, ome, tif)]
    if len(stored) == len(tif.series):
        return stored[series]
    if len(every) < 2:
        return every[0] if every else {}
    # Sizes that all share are those of this one; where its first plane lay is unclear.
    sizes = [{k: v for k, v in p.items() if k.startswith(_SIZES)} for p in every]
    if all(each == sizes[0] for each in sizes):
        return sizes[0]
    warnings.warn(
        f"{tif.filehandle.name} tells of {len(every)} images and holds "
        f"{len(tif.series)}: which size of a pixel is whose is unclear, so it is taken "
        "as 1",
        HqsamWarning,
        stacklevel=2,
    )
    return {}


def first_plane(pixels: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the element ``Plane`` of the first z, t and c that has one; {} if none."""
    planes = [each for each in _listed(pixels.get("Plane")) if each]
    return min(planes, key=_place, default={})


def z_positions(pixels: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Return PositionZ and its unit of the planes of a stack, in the order of TheZ.

    Taken from the first t and c that have any; empty where planes lack them.
    """
    planes = [each for each in _listed(pixels.get("Plane")) if each]
    stack = {_place(plane)[0]: plane for plane in sorted(planes, key=_place)[::-1]}
    if len(stack) < 2 or any("PositionZ" not in each for each in stack.values()):
        return []
    return [
        (stack[z]["PositionZ"], stack[z].get("PositionZUnit")) for z in sorted(stack)
    ]


def _place(plane: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(plane.get(name, 0)) for name in ("TheZ", "TheT", "TheC"))


def _is_stored(
    pixels: Mapping[str, Any], ome: Mapping[str, Any], tif: tifffile.TiffFile
) -> bool:
    """Whether any part of an image is in this file, or in one beside it."""
    if "TiffData" not in pixels:
        return False
    own = ome.get("UUID"), Path(tif.filehandle.name).name
    for part in _listed(pixels["TiffData"]):
        uuid = (part or {}).get("UUID")
        if not isinstance(uuid, dict):
            return True  # of this file
        name = str(uuid.get("FileName", ""))
        beside = Path(tif.filehandle.dirname, name)
        if uuid.get("value") == own[0] or name == own[1] or beside.is_file():
            return True
    return False


def _listed(element: Any) -> list[Any]:  # noqa: ANN401
    """Return elements of one name, of which tifffile lists two and more only."""
    return element if isinstance(element, list) else [element]
