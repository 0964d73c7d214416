"""The size of a pixel as image files declare it.

By axis letter: an axis that a file is silent about is left out, and a size that
is not a positive number is none. Units are given as the file spells them.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tifffile

from napari_hqsam.errors import HqsamWarning, ImageError
from napari_hqsam.geometry.units import convert, unit_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PRINTED = 20.0
"""Micrometers: 1270 dots per inch. What programs write by default, 72 to 1200, tells
how to print a picture and nothing of the microscope."""
_TAG_X, _TAG_Y = "XResolution", "YResolution"
_OME_SIZES = {
    "x": "PhysicalSizeX",
    "y": "PhysicalSizeY",
    "z": "PhysicalSizeZ",
    "t": "TimeIncrement",
}
_OME_DEFAULT = {"t": "s"}  # of the OME schema; µm for lengths
# ImageJ's names; without one, the tag says inch or centimetre.
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}


@dataclass(frozen=True)
class PixelSize:
    """Size and unit of a pixel along each axis that is known.

    Attributes
    ----------
    scale : mapping of str to float
        By axis letter, positive.
    units : mapping of str to str
        By axis letter, such as "micrometer".
    """

    scale: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Mapping[str, tuple[Any, Any]]) -> PixelSize:
        """Keep what makes sense of (size, unit) by axis letter.

        Warns
        -----
        HqsamWarning
            A unit is unknown.
        """
        scale, units = {}, {}
        for letter, (size, unit) in found.items():
            try:
                number = float(size)
            except (TypeError, ValueError):
                continue
            if not 0 < number < math.inf:
                continue
            scale[letter] = number
            try:
                name = unit_name(unit, letter)
            except ImageError as error:
                warnings.warn(
                    f"{error}; sizes along it are read without a unit",
                    HqsamWarning,
                    stacklevel=7,
                )
                continue
            if name is not None:
                units[letter] = name
        return cls(scale, units)


def zarr_pixel_size(
    image: Mapping[str, Any], axes: str | None, sizes: Sequence[float]
) -> PixelSize:
    """Pixel size of an OME-Zarr multiscale image.

    Parameters
    ----------
    image : mapping
        Its entry under ``multiscales``.
    axes : str or None
        Axes letters of its array.
    sizes : sequence of float
        Scale that its first dataset declares, per dimension; [] if none.
    """
    if axes is None or len(sizes) != len(axes):
        return PixelSize()
    named = image.get("axes") or []
    units = [a.get("unit") if isinstance(a, dict) else None for a in named]
    units += [None] * (len(axes) - len(units))
    pairs = zip(axes, zip(sizes, units, strict=False), strict=False)
    return PixelSize.of({letter: pair for letter, pair in pairs if letter != "c"})


def tiff_pixel_size(tif: tifffile.TiffFile, series: int) -> PixelSize:
    """Pixel size of one series of a TIFF: OME-XML, ImageJ, our own, or tags.

    Damaged metadata count as none.
    """
    try:
        if tif.is_ome and tif.ome_metadata:
            return _ome(tifffile.xml2dict(tif.ome_metadata), series)
        if tif.is_imagej:
            return _imagej(tif)
        return _described(tif, series) or _tagged(tif.series[series].keyframe)
    except HqsamWarning:  # made an error by the caller's filters
        raise
    except Exception:  # whatever a writer put there, the pixels can be read
        return PixelSize()


def _ome(metadata: dict[str, Any], series: int) -> PixelSize:
    images = metadata["OME"]["Image"]
    image = images[series] if isinstance(images, list) else images
    pixels = image["Pixels"]
    return PixelSize.of(
        {
            letter: (
                pixels.get(name),
                pixels.get(f"{name}Unit", _OME_DEFAULT.get(letter, "µm")),
            )
            for letter, name in _OME_SIZES.items()
        }
    )


def _imagej(tif: tifffile.TiffFile) -> PixelSize:
    metadata = tif.imagej_metadata or {}
    tags = tif.pages.first.tags
    unit = metadata.get("unit") or _RESOLUTION_UNITS.get(
        int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 0
    )
    spacing = metadata.get("spacing")
    if isinstance(spacing, (int, float)):
        spacing = abs(spacing)  # negative where the stack was taken downwards
    found: dict[str, tuple[Any, Any]] = {
        "z": (spacing, metadata.get("zunit", unit)),
        "t": (metadata.get("finterval"), "s"),
    }
    for letter, name in (("x", _TAG_X), ("y", _TAG_Y)):
        if name in tags and unit:
            dots, per = tags[name].value
            own = metadata.get("yunit", unit) if letter == "y" else unit
            found[letter] = (per / dots if dots else None, own)
    return PixelSize.of(found)


def _described(tif: tifffile.TiffFile, series: int) -> PixelSize | None:
    """Return what a plain TIFF of ours says in its description, see `Space.tiff`."""
    metadata = (tif.shaped_metadata or ())[series : series + 1]
    if not metadata or "scale" not in metadata[0]:
        return None
    one = metadata[0]
    letters = str(one["axes"]).lower()
    pairs = zip(one["scale"], one["units"], strict=True)
    return PixelSize.of(dict(zip(letters, pairs, strict=True)))


def _tagged(page: tifffile.TiffPage) -> PixelSize:
    """Return what the resolution tags say, where it is no resolution to print with."""
    unit = page.tags["ResolutionUnit"].value if "ResolutionUnit" in page.tags else 2
    name = {2: "inch", 3: "centimeter"}.get(int(unit))
    found: dict[str, tuple[Any, Any]] = {}
    for letter, tag in (("x", _TAG_X), ("y", _TAG_Y)):
        if name is None or tag not in page.tags:
            continue
        dots, per = page.tags[tag].value
        size = convert(per / dots, name, "micrometer") if dots else None
        if size is not None and size < _PRINTED:
            found[letter] = size, "micrometer"
    return PixelSize.of(found) if len(found) == 2 else PixelSize()
