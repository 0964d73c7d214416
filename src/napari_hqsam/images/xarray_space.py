"""Read the space of xarray's arrays from their coordinates; xarray is not imported."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import HqsamWarning
from napari_hqsam.geometry import Affine, Space
from napari_hqsam.geometry.units import unit_or_pixel

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNEVEN = 1e-3
"""Share of a step by which coordinates may be off an even spacing."""


def xarray_space(array: Any, axes: str, name: str) -> Space | None:  # noqa: ANN401
    """Read the space of an array with ``dims`` and ``coords``.

    Parameters
    ----------
    array : xarray.DataArray or alike
        Its coordinates along each dimension are read; they count where they are
        two or more numbers with even steps, unpacked by `scale_factor` and
        `add_offset`, or dates, which become seconds from the first on.
        ``attrs["units"]`` of a coordinate is its unit: "um", "days since 1970-01-01".
    axes : str
        Letters of its dimensions.
    name : str
        For warnings.

    Returns
    -------
    Space or None
        None where there are no coordinates.

    Warns
    -----
    HqsamWarning
        Coordinates of an axis are unevenly spaced, or its unit is unknown: it is
        taken as pixels.
    """
    coords = getattr(array, "coords", None)
    if coords is None:
        return None
    scale, offset, units = [], [], []
    for letter, dim in zip(axes, array.dims, strict=True):
        coord = coords[dim] if dim in coords else None
        values = None if coord is None else np.asarray(coord)
        attrs = getattr(coord, "attrs", {})
        unit = attrs.get("units")
        if values is not None:
            values = _unpacked(values, attrs, letter, name)
        if values is not None and values.dtype.kind in "Mm" and values.size:
            values, unit = _seconds(values), "s"
        even = None if values is None else _even(values, letter, name)
        step, start = even or (1.0, 0.0)
        unit = str(unit).partition(" since ")[0] if even and unit else None
        scale.append(step)
        offset.append(start)
        units.append(unit_or_pixel(unit, letter, name))
    return Space(axes, tuple(units), Affine.scaling(scale, offset))


def _seconds(dates: np.ndarray) -> np.ndarray:
    """Return dates or durations as seconds, dates from the first on."""
    since = dates - dates.flat[0] if dates.dtype.kind == "M" else dates
    seconds: np.ndarray = since / np.timedelta64(1, "s")
    return seconds


def _unpacked(
    values: np.ndarray, attrs: Mapping[str, Any], letter: str, name: str
) -> np.ndarray | None:
    """Decode packed coordinates; None, with a warning, if their packing is no number.

    Arrays that xarray has decoded no longer have these attributes.
    Source: CF conventions 1.11, section 8.1.
    """
    if values.dtype.kind not in "iuf" or not {"scale_factor", "add_offset"} & {*attrs}:
        return values
    factor, offset = attrs.get("scale_factor", 1), attrs.get("add_offset", 0)
    with suppress(TypeError, ValueError):
        unpacked = values * float(factor) + float(offset)
        if np.isfinite(unpacked).all():
            return unpacked
    warnings.warn(
        f"{name}: coordinates along {letter} are packed by {factor!r} and {offset!r}, "
        "which are no numbers, so it is taken in pixels",
        HqsamWarning,
        stacklevel=3,
    )
    return None


def _even(values: np.ndarray, letter: str, name: str) -> tuple[float, float] | None:
    """Return step and start of coordinates; None unless they are evenly spaced."""
    if values.dtype.kind not in "iuf" or values.ndim != 1 or not len(values):
        return None
    if len(values) == 1:  # it tells a place, but no spacing
        return None
    start = float(values[0])
    step = (float(values[-1]) - start) / (len(values) - 1)
    expected = start + step * np.arange(len(values))
    if step and np.abs(values - expected).max() <= _UNEVEN * abs(step):
        return step, start
    warnings.warn(
        f"{name}: coordinates along {letter} are not evenly spaced, so it is taken in "
        "pixels",
        HqsamWarning,
        stacklevel=2,
    )
    return None
