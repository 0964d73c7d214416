"""Units of length and time: the one table of their names, symbols and sizes.

Why no library: pint takes 0.3 to 0.8 s to import, which the first click would wait
for, and knows neither OME's symbols nor what ImageJ writes ("micron").
All units of OME-Zarr are here, which are those that formats of microscopy share.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

from napari_hqsam.errors import HqsamWarning, ImageError, shown

_PREFIXES: dict[str, tuple[str, float]] = {
    "yotta": ("Y", 1e24),
    "zetta": ("Z", 1e21),
    "exa": ("E", 1e18),
    "peta": ("P", 1e15),
    "tera": ("T", 1e12),
    "giga": ("G", 1e9),
    "mega": ("M", 1e6),
    "kilo": ("k", 1e3),
    "hecto": ("h", 1e2),
    "": ("", 1.0),
    "deci": ("d", 1e-1),
    "centi": ("c", 1e-2),
    "milli": ("m", 1e-3),
    "micro": ("µ", 1e-6),
    "nano": ("n", 1e-9),
    "pico": ("p", 1e-12),
    "femto": ("f", 1e-15),
    "atto": ("a", 1e-18),
    "zepto": ("z", 1e-21),
    "yocto": ("y", 1e-24),
}


class _Unit(NamedTuple):
    """A unit: OME-XML's symbol, its size in metres or seconds, and its kind."""

    symbol: str
    size: float
    kind: str


_UNITS: dict[str, _Unit] = {
    f"{prefix}{base}": _Unit(f"{letter}{symbol}", size, kind)
    for base, symbol, kind in (("meter", "m", "length"), ("second", "s", "time"))
    for prefix, (letter, size) in _PREFIXES.items()
} | {
    "angstrom": _Unit("Å", 1e-10, "length"),
    "inch": _Unit("in", 0.0254, "length"),
    "foot": _Unit("ft", 0.3048, "length"),
    "yard": _Unit("yd", 0.9144, "length"),
    "mile": _Unit("mi", 1609.344, "length"),
    "parsec": _Unit("pc", 3.0856775814913673e16, "length"),
    "minute": _Unit("min", 60.0, "time"),
    "hour": _Unit("h", 3600.0, "time"),
    "day": _Unit("d", 86400.0, "time"),
}
_BY_SYMBOL = {unit.symbol: name for name, unit in _UNITS.items()}
_ALIASES = {
    **{f"{prefix}metre": f"{prefix}meter" for prefix in _PREFIXES},
    "micron": "micrometer",
    "inche": "inch",  # the s of a plural is taken off before
    "feet": "foot",
    "ångström": "angstrom",
    "ångstrom": "angstrom",
    "msec": "millisecond",
    "sec": "second",
    "hr": "hour",
    '"': "inch",
}
# The sign of micro is written in many ways; ImageJ writes it as an escape.
_MICRO = ("\\u00b5", "\\u00B5", "\\u03bc", "\\u03BC", "μ")
_NO_UNIT = ("", "pixel", "pixels", "px", "voxel", "dimensionless", "none", "a.u.")


def unit_name(unit: object, letter: str) -> str | None:
    """Return OME-Zarr's name of a unit.

    Parameters
    ----------
    unit : str or None
        In any spelling: "um", "µm", "microns", "Micrometer".
    letter : str
        Letter of its axis: "t" is measured in time, all others in length.

    Returns
    -------
    str or None
        Such as "micrometer"; None for pixels, or none at all.

    Raises
    ------
    ImageError
        It is unknown, or not of this axis.
    """
    text = str(unit or "").strip()
    if text.lower() in _NO_UNIT:
        return None
    name = _named(text)
    if name is not None and fits_axis(name, letter):
        return name
    kind = "time" if letter == "t" else "length"
    usual = (
        ("millisecond", "second", "minute", "hour")
        if kind == "time"
        else ("nanometer", "micrometer", "millimeter", "pixel")
    )
    raise ImageError(
        f'unit {shown(text)} of axis "{letter}" is no unit of {kind}; use one of '
        f"{', '.join(usual)}, ..."
    )


def fits_axis(unit: str | None, letter: str) -> bool:
    """Whether an axis can have a unit: "t" is measured in time, others in length."""
    return unit is None or (_UNITS[unit].kind == "time") == (letter == "t")


def unit_or_pixel(unit: object, letter: str, name: str) -> str | None:
    """Return OME-Zarr's name of a unit that a file declares, None if it is unknown.

    Parameters
    ----------
    unit, letter
        As for `unit_name`.
    name : str
        Name of the file, for the warning.

    Warns
    -----
    HqsamWarning
        The unit is unknown: sizes along the axis are read as if in pixels.
    """
    try:
        return unit_name(unit, letter)
    except ImageError as error:
        warnings.warn(
            f"{name}: {error}; sizes along it are read without a unit",
            HqsamWarning,
            stacklevel=2,
        )
        return None


def unit_symbol(unit: str) -> str:
    """Return OME-XML's symbol of a unit, by its OME-Zarr name."""
    return _UNITS[unit].symbol


def convert(value: float, unit: str | None, to: str | None) -> float | None:
    """Convert a value between two units of the same kind.

    Parameters
    ----------
    value : float
    unit, to : str or None
        OME-Zarr names; None is pixels.

    Returns
    -------
    float or None
        None where one is no multiple of the other: a length and a time, or pixels
        and a unit.
    """
    if unit == to:
        return value
    if unit is None or to is None or _UNITS[unit].kind != _UNITS[to].kind:
        return None
    return value * _UNITS[unit].size / _UNITS[to].size


def _named(text: str) -> str | None:
    """Find a unit by its symbol, its name, or another spelling of these."""
    for sign in _MICRO:
        text = text.replace(sign, "µ")
    symbol = f"µ{text[1:]}" if text in ("um", "us") else text
    if symbol in _BY_SYMBOL:
        return _BY_SYMBOL[symbol]
    lower = text.lower()
    for each in (lower, lower.removesuffix("s")):
        each = _ALIASES.get(each, each)
        if each in _UNITS:
            return each
    return None
