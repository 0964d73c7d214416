"""Units of length and time: the one table of their names, symbols and sizes."""

from __future__ import annotations

from napari_hqsam.errors import ImageError

# OME-Zarr's name: (OME-XML's symbol, what else people write).
_LENGTHS: dict[str, tuple[str, tuple[str, ...]]] = {
    "angstrom": ("Å", ()),
    "picometer": ("pm", ("picometre",)),
    "nanometer": ("nm", ("nanometre",)),
    # ImageJ writes the sign as an escape.
    "micrometer": ("µm", ("um", "μm", "\\u00b5m", "micron", "microns", "micrometre")),
    "millimeter": ("mm", ("millimetre",)),
    "centimeter": ("cm", ("centimetre",)),
    "inch": ("in", ("inches",)),
    "meter": ("m", ("metre",)),
    "kilometer": ("km", ("kilometre",)),
}
_DURATIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "millisecond": ("ms", ("msec",)),
    "second": ("s", ("sec",)),
    "minute": ("min", ()),
    "hour": ("h", ()),
    "day": ("d", ()),
    "microsecond": ("µs", ("us", "μs")),
    "nanosecond": ("ns", ()),
}
# Metres, and seconds.
_SIZES = {
    "angstrom": 1e-10,
    "picometer": 1e-12,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "inch": 2.54e-2,
    "meter": 1.0,
    "kilometer": 1e3,
    "nanosecond": 1e-9,
    "microsecond": 1e-6,
    "millisecond": 1e-3,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
}
_NO_UNIT = ("", "pixel", "pixels", "px", "dimensionless")


def unit_name(unit: object, letter: str) -> str | None:
    """Return OME-Zarr's name of a unit.

    Parameters
    ----------
    unit : str or None
        In any spelling: "um", "µm", "microns", "Micrometer".
    letter : str
        Of its axis: "t" is measured in time, all others in length.

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
    known = _DURATIONS if letter == "t" else _LENGTHS
    for name, (symbol, aliases) in known.items():
        if text == symbol or text.lower() in (name, f"{name}s", *aliases):
            return name
    raise ImageError(
        f'unit {text!r} of axis "{letter}" is unknown; use one of {", ".join(known)}'
    )


def unit_symbol(unit: str) -> str:
    """Return OME-XML's symbol of a unit, by its OME-Zarr name."""
    return (_LENGTHS | _DURATIONS)[unit][0]


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
    if unit is None or to is None or (unit in _LENGTHS) != (to in _LENGTHS):
        return None
    return value * _SIZES[unit] / _SIZES[to]
