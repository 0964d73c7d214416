"""Find what a format cannot store of the space of labels, by comparing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.geometry import Affine, Space
from napari_hqsam.geometry.units import convert

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOLERANCE = 1e-6
"""Of a pixel, at the far end of the array."""


def losses(space: Space, stored: Space, shape: Sequence[int]) -> list[str]:
    """Describe what is lost between a space and the one that a file stores.

    Parameters
    ----------
    space : Space
        Space of the labels.
    stored : Space
        As the file stores it; the same axes in any order.
    shape : sequence of int
        Shape of the labels.

    Returns
    -------
    list of str
        Such as "rotation or shear" or "the offset along t"; empty if they agree.
    """
    stored = stored.select(space.axes)
    if space.units == stored.units and space.agrees(stored, shape, _TOLERANCE):
        return []
    found = [] if space.affine.is_diagonal else ["rotation or shear"]
    for at, letter in enumerate(space.axes):
        unit, other = space.units[at], stored.units[at]
        factor = convert(1.0, other, unit)
        if factor is None:
            found.append(f"the unit of {letter}")
            factor = 1.0
        size, sized = space.scale[at], stored.scale[at] * factor
        end = shape[at] * abs(sized - size) / abs(size)
        if end > _TOLERANCE:
            backwards = size < 0 < sized
            found.append(
                f"the {'negative size' if backwards else 'size'} of a pixel along "
                f"{letter}"
            )
        moved = abs(stored.translation[at] * factor - space.translation[at])
        if moved / abs(size) > _TOLERANCE:
            found.append(f"the offset along {letter}")
    return found


def space_without(
    space: Space, *, units: str = "", sizes: str = "", offsets: str = ""
) -> Space:
    """Return the space as a format without rotation stores it.

    Parameters
    ----------
    space : Space
    units, sizes, offsets : str
        Letters of the axes that lose their unit, size or offset. Sizes become
        positive.
    """
    size_of = dict(zip(space.axes, space.affine.pixel_size, strict=True))
    start_of = dict(zip(space.axes, space.translation, strict=True))
    scale = [1.0 if a in sizes else size for a, size in size_of.items()]
    offset = [0.0 if a in offsets else start for a, start in start_of.items()]
    kept = tuple(
        None if letter in units else unit
        for letter, unit in zip(space.axes, space.units, strict=True)
    )
    return Space(space.axes, kept, Affine.scaling(scale, offset))
