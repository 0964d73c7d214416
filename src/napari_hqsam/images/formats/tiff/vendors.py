"""Pixel sizes in tags of the makers of microscopes and slide scanners.

tifffile parses the tags; here is only which entry of them is the size of what, and in
which unit. Hamamatsu NDPI, Leica SCN, PerkinElmer QPI and others keep the size in the
resolution tags, as any TIFF may.

Sources: tifffile's documentation of ``TiffFile``; Bio-Formats' readers of the formats.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from tifffile import TIFF
from tifffile.tifffile import svs_description_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import tifffile

AxisEntries = dict[str, tuple[Any, Any, Any]]
"""Size, unit and translation by axis letter, as the file has them."""

_UNEVEN = 0.2
"""By how much steps may differ from their mean, which is jitter."""
_MICRO_MANAGER = 51123


def vendor_sizes(tif: tifffile.TiffFile, series: int) -> AxisEntries:
    """Return the sizes that the maker of a TIFF has noted; {} if there are none.

    Parameters
    ----------
    tif : tifffile.TiffFile
    series : int
        Its number.

    Raises
    ------
    Exception
        Any kind: what the maker noted is damaged.
    """
    page = tif.series[series].keyframe
    for read in _READERS:
        found = {a: entry for a, entry in read(tif, page).items() if entry[0]}
        if found:
            return found
    return {}


def mean_step(values: Any) -> float | None:  # noqa: ANN401 - a list or an array
    """Return the mean step of ascending values; None if they are uneven or too few."""
    steps = np.diff(np.asarray(values, np.float64))
    if not len(steps):
        return None
    mean = float(steps.mean())
    return mean if mean > 0 and (abs(steps - mean) <= _UNEVEN * mean).all() else None


def _lsm(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> AxisEntries:
    """Zeiss LSM: metres and seconds; of a thumbnail nothing is known."""
    info: Mapping[str, Any] = tif.lsm_metadata or {}
    if not info or page.imagewidth != info["DimensionX"]:
        return {}
    found = {a: _micrometers(info[f"VoxelSize{a.upper()}"]) for a in "zyx"}
    stamps = info.get("TimeStamps")
    interval = info["TimeIntervall"] or (None if stamps is None else mean_step(stamps))
    return found | {"t": (interval, "s", None)}


def _stk(tif: tifffile.TiffFile, _: tifffile.TiffPage) -> AxisEntries:
    """MetaMorph STK: a distance in micrometers and a date for each plane."""
    info: Mapping[str, Any] = tif.stk_metadata or {}
    if not info:
        return {}
    unit = info.get("CalibrationUnits")
    found = {a: (info.get(f"{a.upper()}Calibration"), unit, None) for a in "yx"}
    steps = np.atleast_1d(info["ZDistance"])[1:]  # from the plane before
    even = len(steps) and np.ptp(steps) <= _UNEVEN * abs(steps.mean())
    dates = info.get("DatetimeCreated")
    seconds = None if dates is None else mean_step(dates.astype("M8[ns]").astype("i8"))
    return found | {
        "z": (float(f"{abs(steps.mean()):.12g}") if even else None, "um", None),
        "t": (seconds and seconds / 1e9, "s", None),
    }


def _svs(_: tifffile.TiffFile, page: tifffile.TiffPage) -> AxisEntries:
    """Aperio SVS: micrometers per pixel, of the slide and its levels alone."""
    if not page.is_svs:
        return {}
    size = svs_description_metadata(page.description).get("MPP")
    return _square(size, "um")


def _fluoview(tif: tifffile.TiffFile, _: tifffile.TiffPage) -> AxisEntries:
    """Olympus FluoView: name, count, origin, step and unit of each axis."""
    dimensions = (tif.fluoview_metadata or {}).get("Dimensions", ())
    return {
        TIFF.MM_DIMENSIONS[name.upper()].lower(): (abs(step), unit, None)
        for name, _count, _origin, step, unit in dimensions
        if name.upper() in "XYZT" and abs(step) > 0
    }


def _metaseries(tif: tifffile.TiffFile, _: tifffile.TiffPage) -> AxisEntries:
    """MetaMorph and MetaXpress TIFF: a calibration, if it is switched on."""
    info = (tif.metaseries_metadata or {}).get("PlaneInfo", {})
    if not info.get("spatial-calibration-state"):
        return {}
    unit = info.get("spatial-calibration-units")
    return {a: (info.get(f"spatial-calibration-{a}"), unit, None) for a in "yx"}


def _micro_manager(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> AxisEntries:
    """Micro-Manager: a tag of each page, and the summary of a stack."""
    noted = page.tags.valueof(_MICRO_MANAGER)
    own = json.loads(noted) if isinstance(noted, str) else noted
    if not isinstance(own, dict):
        return {}
    summary = (tif.micromanager_metadata or {}) if tif.is_mmstack else {}
    summary = summary.get("Summary") or {}
    size = own.get("PixelSizeUm") or summary.get("PixelSize_um")
    step, interval = summary.get("z-step_um"), summary.get("Interval_ms")
    return _square(size, "um") | {
        "z": (step and abs(float(step)), "um", None),
        "t": (interval, "ms", None),
    }


def _fei(tif: tifffile.TiffFile, _: tifffile.TiffPage) -> AxisEntries:
    """FEI and Thermo Fisher electron microscopes: metres."""
    info = tif.fei_metadata or {}
    scan = info.get("Scan") or info.get("EScan") or {}
    names = {"y": "PixelHeight", "x": "PixelWidth"}
    return {a: _micrometers(scan.get(name)) for a, name in names.items()}


def _zeiss_sem(tif: tifffile.TiffFile, _: tifffile.TiffPage) -> AxisEntries:
    """Zeiss electron microscopes: a name, a number and its unit."""
    info = tif.sem_metadata or {}
    entry = info.get("ap_image_pixel_size") or info.get("ap_pixel_size") or ()
    return _square(*entry[1:]) if len(entry) == 3 else {}


def _olympus_sis(tif: tifffile.TiffFile, _: tifffile.TiffPage) -> AxisEntries:
    """Olympus SIS: metres."""
    info = tif.sis_metadata or {}
    return {a: _micrometers(info.get(f"pixelsize{a}")) for a in "yx"}


def _tvips(tif: tifffile.TiffFile, _: tifffile.TiffPage) -> AxisEntries:
    """TVIPS cameras of electron microscopes: nanometers."""
    info = tif.tvips_metadata or {}
    return {a: (info.get(f"PixelSize{a.upper()}"), "nm", None) for a in "yx"}


def _square(size: Any, unit: Any) -> AxisEntries:  # noqa: ANN401
    return dict.fromkeys("yx", (size, unit, None))


def _micrometers(metres: Any) -> tuple[Any, str, None]:  # noqa: ANN401
    """Convert metres without digits that are none of the number's."""
    size = None if metres is None else float(f"{abs(float(metres)) * 1e6:.12g}")
    return size, "um", None


_READERS: tuple[Callable[[tifffile.TiffFile, tifffile.TiffPage], AxisEntries], ...] = (
    _lsm,
    _stk,
    _svs,
    _fluoview,
    _metaseries,
    _micro_manager,
    _fei,
    _zeiss_sem,
    _olympus_sis,
    _tvips,
)
"""One for each maker; the first that knows a size counts."""
