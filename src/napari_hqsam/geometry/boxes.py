"""Boxes on a plane, as tuples: intersection, union, difference, indexing."""

from __future__ import annotations

Box = tuple[int, int, int, int]
"""``(y0, x0, y1, x1)``, half-open: whole pixels of a plane or a canvas."""
FloatBox = tuple[float, float, float, float]
"""``(y0, x0, y1, x1)``, continuous plane coordinates: pixel i covers i - 0.5 to
i + 0.5."""
Point = tuple[float, float]
"""``(y, x)``, continuous plane coordinates."""

EMPTY: Box = (0, 0, 0, 0)
"""The empty box."""


def is_empty(box: Box) -> bool:
    """Whether a box holds no pixel."""
    return box[0] >= box[2] or box[1] >= box[3]


def common(first: Box, second: Box) -> Box:
    """Return the intersection of two boxes; `EMPTY` if they do not overlap."""
    y0, x0 = max(first[0], second[0]), max(first[1], second[1])
    y1, x1 = min(first[2], second[2]), min(first[3], second[3])
    return (y0, x0, y1, x1) if y0 < y1 and x0 < x1 else EMPTY


def around(first: Box, second: Box) -> Box:
    """Return the smallest box that contains two boxes; empty ones are ignored."""
    full = [box for box in (first, second) if not is_empty(box)]
    if not full:
        return EMPTY
    y0, x0, y1, x1 = zip(*full, strict=True)
    return min(y0), min(x0), max(y1), max(x1)


def without(outer: Box, inner: Box) -> list[Box]:
    """Return the set difference of a box and one inside it, as disjoint boxes.

    The boxes above, left, right and below; empty ones are left out.
    """
    y0, x0, y1, x1 = outer
    top, left, bottom, right = inner
    parts = (
        (y0, x0, top, x1),
        (top, x0, bottom, left),
        (top, right, bottom, x1),
        (bottom, x0, y1, x1),
    )
    return [part for part in parts if not is_empty(part)]


def shape_of(box: Box) -> tuple[int, int]:
    """Return the height and width of a box."""
    return box[2] - box[0], box[3] - box[1]


def index_in(box: Box, outer: Box) -> tuple[slice, slice]:
    """Return the slices of a box in the (h, w) array of a box that contains it."""
    y, x = outer[:2]
    return slice(box[0] - y, box[2] - y), slice(box[1] - x, box[3] - x)


def moved(box: Box, corner: tuple[int, int]) -> Box:
    """Shift a box from the pixels of a crop to the plane, by the crop's corner."""
    y, x = corner
    return box[0] + y, box[1] + x, box[2] + y, box[3] + x
