"""Find the slices that a new prompt can change, and those to propagate again.

Pure; knows neither pixels nor networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.segmentation.propagation.plan import Direction, checked_direction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


def affected_range(
    fixed: Iterable[int],
    z: int,
    z_range: tuple[int, int],
    direction: Direction = "both",
) -> tuple[int, int]:
    """Return the slices that a new prompt on a slice can change.

    These reach to the neighbouring prompted or given slices, exclusive.

    Parameters
    ----------
    fixed : iterable of int
        Slices on which the object was prompted or edited by hand.
    z : int
        Slice of the new prompt; replacing an old one is the same.
    z_range : (int, int)
        Half-open: the slices that may change.
    direction : {"both", "forward", "backward"}
        Which way the object is propagated.

    Returns
    -------
    (start, stop)
        Half-open; `z` lies in it.

    Raises
    ------
    PromptError
        `z` is outside the range.
    """
    start, stop = z_range
    if not start <= z < stop:
        raise PromptError(f"slice {z} is outside the range {start} to {stop}")
    onward, back = checked_direction(direction)
    others = set(fixed) - {z}
    before = max((f + 1 for f in others if f < z), default=start)
    behind = min((f for f in others if f > z), default=stop)
    return (max(before, start) if back else z), (min(behind, stop) if onward else z + 1)


def redone_slices(
    known: Collection[int],
    news: Iterable[int],
    kept: Collection[int],
    z_range: tuple[int, int],
    direction: Direction = "both",
) -> set[int]:
    """Return the slices of an object that new prompts can change.

    Parameters
    ----------
    known : collection of int
        Slices on which the object was prompted or given, the new ones included.
    news : iterable of int
        Slices with new prompts.
    kept : collection of int
        Slices that must not change.
    z_range, direction
        As for `affected_range`.

    Raises
    ------
    PromptError
        One of `news` is outside the range.
    """
    others = set(known)
    ranges = [affected_range(others - {z}, z, z_range, direction) for z in news]
    return {z for each in ranges for z in range(*each)} - set(kept)


def range_to_propagate(
    redone: Collection[int],
    objects: Iterable[Collection[int]],
    z_range: tuple[int, int],
) -> tuple[int, int]:
    """Return the range of slices to run, with the known slices to start from.

    Parameters
    ----------
    redone : collection of int
        Slices to compute again; at least one.
    objects : iterable of collections of int
        Slices on which each object is known.
    z_range : (start, stop)
        Half-open: limits of the result.

    Returns
    -------
    (start, stop)
        Half-open.
    """
    start, stop = max(min(redone) - 1, z_range[0]), min(max(redone) + 2, z_range[1])
    for slices in objects:
        known = [z for z in slices if z_range[0] <= z < z_range[1]]
        if not any(start <= z < stop for z in known):
            nearest = min(known, key=lambda z: abs(z - start))
            start, stop = min(start, nearest), max(stop, nearest + 1)
    return start, stop
