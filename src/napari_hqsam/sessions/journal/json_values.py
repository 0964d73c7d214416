"""Validate plain JSON values; they may come from an untrusted file.

Each function returns the value, or raises ValueError with what is wrong in one line.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from napari_hqsam.errors import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari_hqsam.geometry import Box

HIGHEST = 2**63 - 1
MAX_LEVEL = 64
"""Levels from -64 to 64 are read; those of images are far within."""

T = TypeVar("T")


def as_int(value: object, low: int = 0, high: int = HIGHEST) -> int:
    """Return an int between two limits, both inclusive."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{shown(value)} is no whole number")
    if not low <= value <= high:
        raise ValueError(f"{shown(value)} is not between {low} and {high}")
    return value


def as_float(value: object, *, finite: bool = True) -> float:
    """Return a float; NaN and infinity only if `finite` is False."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{shown(value)} is no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if finite and not math.isfinite(number):
        raise ValueError(f"{shown(value)} is not finite")
    return number


def as_str(value: object) -> str:
    """Return a string."""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is no text")
    return value


def as_bool(value: object) -> bool:
    """Return a bool."""
    if not isinstance(value, bool):
        raise ValueError(f"{shown(value)} is neither true nor false")
    return value


def as_list(value: object) -> list[object]:
    """Return a list."""
    if not isinstance(value, list):
        raise ValueError(f"{shown(value)} is no list")
    return value


def as_box(value: object, size: tuple[int, int]) -> Box:
    """Return a box (y0, x0, y1, x1), half-open, within a plane of size (h, w)."""
    y0, x0, y1, x1 = (as_int(number) for number in as_list(value))
    if not (y0 <= y1 <= size[0] and x0 <= x1 <= size[1]):
        raise ValueError(f"the box {(y0, x0, y1, x1)} on a plane of {size} pixels")
    return y0, x0, y1, x1


def one_of(known: Sequence[str], value: object) -> str:
    """Return a string that is one of those known."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{shown(value)} is none of {', '.join(known)}")
    return value


def optional(read: Callable[[object], T], value: object) -> T | None:
    """Return None, or a value as another function reads it."""
    return None if value is None else read(value)


def check_keys(value: object, known: Iterable[str]) -> None:
    """Raise ValueError unless a value is an object with known keys only."""
    if not isinstance(value, dict):
        raise ValueError(f"{shown(value)} is no object")
    if strange := sorted(value.keys() - {*known}):
        raise ValueError(f"{shown(strange[0])} is unknown")
