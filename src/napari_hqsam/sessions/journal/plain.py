"""Checks of plain JSON values, which may be anything: a stranger may have sent them.

Each returns the value, or raises ValueError with what is wrong in one line.
"""

from __future__ import annotations

import math

from napari_hqsam.errors import shown

HIGHEST = 2**63 - 1


def whole(value: object, low: int = 0, high: int = HIGHEST) -> int:
    """Return a whole number between two limits, both included."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{shown(value)} is no whole number")
    if not low <= value <= high:
        raise ValueError(f"{shown(value)} is not between {low} and {high}")
    return value


def real(value: object, *, finite: bool = True) -> float:
    """Return a number; one that is not finite only where that may be."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{shown(value)} is no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if finite and not math.isfinite(number):
        raise ValueError(f"{shown(value)} is not finite")
    return number


def text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is no text")
    return value


def flag(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{shown(value)} is neither true nor false")
    return value


def items(value: object) -> list[object]:
    """Return a list."""
    if not isinstance(value, list):
        raise ValueError(f"{shown(value)} is no list")
    return value
