"""Where the pixels of a TIFF are: OME-XML, ImageJ, our own description, or tags.

The tags are those of the maker of the instrument, see `vendors`, else the resolution.

Tags and attributes are looked up by axis letter; an axis that a file is silent about
is in pixels, and so is one whose size is no number.

Why no library: ome-types refuses the whole file for one size of 0 or of text, which
microscopes write; its import takes 0.5 s; eight attributes are needed, which tifffile
parses.
"""

from __future__ import annotations

import math
import warnings
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamWarning, reason
from napari_hqsam.geometry import Affine, Space
from napari_hqsam.geometry.units import convert, unit_name, unit_or_pixel
from napari_hqsam.images.formats.tiff.ome_images import (
    first_plane,
    pixels_of_series,
    z_positions,
)
from napari_hqsam.images.formats.tiff.vendors import AxisEntries, vendor_sizes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tifffile

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
_OME_POSITIONS = {"x": "PositionX", "y": "PositionY", "z": "PositionZ"}
# ImageJ's names; without one, the tag says inch or centimetre.
_INCH = 2
_RESOLUTION_UNITS = {_INCH: "inch", 3: "cm"}
_UNEVEN = 0.2
"""By how much steps of the stage may differ from their mean, which is its jitter."""
_DEFAULT_DOTS = 72
"""Per inch: what programs write that know no pixel size; ImageJ counts it as none."""


def tiff_space(tif: tifffile.TiffFile, series: int, letters: str) -> Space:
    """Read the space of one series of a TIFF.

    Parameters
    ----------
    tif : tifffile.TiffFile
    series : int
        Its number.
    letters : str
        One for each of its dimensions; those that it does not name may be any.

    Warns
    -----
    HqsamWarning
        A unit is unknown, a size is not a number, or the metadata are damaged: what
        cannot be read counts as pixels.
    """
    name = tif.filehandle.name
    backwards = ""
    try:
        if tif.is_ome and tif.ome_metadata:
            found, backwards = _ome(tif, series)
        elif tif.is_imagej:
            found = _imagej(tif)
        else:
            described = _described(tif, series, letters)
            if described is not None:
                return described
            found = vendor_sizes(tif, series)
            if not {"y", "x"} <= found.keys():  # such as an interval of time alone
                found = _tagged(tif.series[series].keyframe) | found
    except HqsamWarning:  # made an error by the caller's filters
        raise
    except Exception as error:  # whatever a writer put there, the pixels can be read
        warnings.warn(
            f"{name}: its pixel size cannot be read "
            f"({reason(error)}); it is taken as 1",
            HqsamWarning,
            stacklevel=2,
        )
        found = {}
    return space_of(found, letters, name, backwards=backwards)


def space_of(
    found: Mapping[str, tuple[Any, Any, Any]],
    letters: str,
    name: str,
    *,
    backwards: str = "",
) -> Space:
    """Make a space of size, unit and translation by axis letter.

    Parameters
    ----------
    found : mapping
    letters : str
        Letters of all axes.
    name : str
        Name of the file, for warnings.
    backwards : str
        Letters of the axes whose positions fall: their sizes become negative.

    Warns
    -----
    HqsamWarning
        A unit is unknown, or a size is not a number above 0.
    """
    scale = dict.fromkeys(letters, 1.0)
    offset = dict.fromkeys(letters, 0.0)
    units: dict[str, str | None] = dict.fromkeys(letters)
    for letter, (size, unit, start) in found.items():
        if letter not in letters or size is None:
            continue
        number = _number(size)
        if number <= 0:
            warnings.warn(
                f"{name} has the pixel size {size!r} along {letter}, "
                "which is invalid: it is taken as 1",
                HqsamWarning,
                stacklevel=2,
            )
            continue
        scale[letter] = -number if letter in backwards else number
        units[letter] = unit_or_pixel(unit, letter, name)
        offset[letter] = _number(start)
    affine = Affine.scaling(list(scale.values()), list(offset.values()))
    return Space(letters, tuple(units.values()), affine)


def _number(value: Any) -> float:  # noqa: ANN401
    """Return a finite number, 0 for all else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) else 0.0


def _ome(tif: tifffile.TiffFile, series: int) -> tuple[AxisEntries, str]:
    """Read ``Pixels``, and the stage position from its first plane.

    Also return "z" if the stage goes down from plane to plane: PhysicalSizeZ has no
    sign. Source: OME schema 2016-06, elements Pixels and Plane.
    """
    pixels = pixels_of_series(tif, series)
    plane = first_plane(pixels)
    found: AxisEntries = {}
    for letter, name in _OME_SIZES.items():
        unit = pixels.get(f"{name}Unit", _OME_DEFAULT.get(letter, "µm"))
        found[letter] = pixels.get(name), unit, _position(plane, letter, unit)
    size, unit, start = found["z"]
    step = _stage_step(pixels, unit)
    if step is None:
        return found, ""
    if size is None:
        found["z"] = float(f"{abs(step):.6g}"), unit, start
    elif abs(abs(step) - _number(size)) > _UNEVEN * abs(step):
        warnings.warn(
            f"{tif.filehandle.name}: PositionZ of its planes goes in steps of "
            f"{abs(step):.4g} {unit}, PhysicalSizeZ is {size}, which is taken",
            HqsamWarning,
            stacklevel=3,
        )
    return found, "z" if step < 0 else ""


def _stage_step(pixels: Mapping[str, Any], unit: str) -> float | None:
    """Return the mean step of PositionZ from plane to plane; None if it is uneven."""
    places = [
        _position({"PositionZ": place, "PositionZUnit": own}, "z", unit)
        for place, own in z_positions(pixels)
    ]
    steps = [b - a for a, b in pairwise(places)]
    mean = sum(steps) / len(steps) if steps else 0.0
    even = all(abs(step - mean) <= _UNEVEN * abs(mean) for step in steps)
    return mean if mean and even else None


def _position(plane: Mapping[str, Any], letter: str, unit: str) -> float:
    """Return the stage position in a unit; 0 where it is not a length."""
    name = _OME_POSITIONS.get(letter, "")
    if name not in plane:
        return 0.0
    own = plane.get(f"{name}Unit", "reference frame")
    try:
        there, to = unit_name(own, letter), unit_name(unit, letter)
    except ValueError:  # such as "reference frame", of which nobody knows the size
        return 0.0
    return convert(_number(plane[name]), there, to) or 0.0


def _imagej(tif: tifffile.TiffFile) -> AxisEntries:
    """Read ImageJ's description: spacing, units, the pixel of the origin.

    Source: ImageJ 1.53, ij.io.FileInfo and ij.measure.Calibration: world = (pixel -
    origin) * size.
    """
    metadata = tif.imagej_metadata or {}
    tags = tif.pages.first.tags
    per_unit = int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 0
    unit = metadata.get("unit") or _RESOLUTION_UNITS.get(per_unit)
    dots, per = tags.valueof(_TAG_X, (0, 1))
    if per_unit == _INCH and dots == _DEFAULT_DOTS * per:
        per_unit, unit = 0, metadata.get("unit")
    spacing = metadata.get("spacing")
    if isinstance(spacing, (int, float)):
        spacing = abs(spacing)  # negative where the stack was taken downwards
    interval, unit_t = metadata.get("finterval"), metadata.get("tunit", "s")
    found: AxisEntries = {
        "z": (spacing, metadata.get("zunit", unit), None),
        "t": (interval or None, unit_t, None),
    }
    for letter, name in (("x", _TAG_X), ("y", _TAG_Y)):
        if name in tags and (unit or per_unit):
            dots, per = tags[name].value
            own = metadata.get("yunit", unit) if letter == "y" else unit
            found[letter] = (per / dots if dots else None, own, None)
    return {
        letter: (size, own, -_number(metadata.get(f"{letter}origin")) * _number(size))
        for letter, (size, own, _) in found.items()
    }


def _described(tif: tifffile.TiffFile, series: int, letters: str) -> Space | None:
    """Read the description of a plain TIFF of this package."""
    metadata = (tif.shaped_metadata or ())[series : series + 1]
    if not metadata or not metadata[0].get("scale"):
        return None
    one = metadata[0]
    return Space.from_dict(str(one["axes"]).lower(), one).renamed(letters)


def _tagged(page: tifffile.TiffPage) -> AxisEntries:
    """Read the pixel size from the resolution tags, unless it is a print resolution."""
    unit = page.tags["ResolutionUnit"].value if "ResolutionUnit" in page.tags else 2
    name = {2: "inch", 3: "centimeter"}.get(int(unit))
    found: AxisEntries = {}
    for letter, tag in (("x", _TAG_X), ("y", _TAG_Y)):
        if name is None or tag not in page.tags:
            continue
        dots, per = page.tags[tag].value
        size = convert(per / dots, name, "micrometer") if dots else None
        if size is not None and size < _PRINTED:
            found[letter] = size, "micrometer", None
    return found if len(found) == 2 else {}
