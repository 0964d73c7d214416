"""What propagation finds: masks slice by slice, and how sure each is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_hqsam.masks.mask import Mask

Origin = Literal["kept", "prompted", "followed", "blended"]
"""Given as a mask; segmented from a prompt; from one neighbour; from both sides."""


@dataclass(frozen=True)
class Confidence:
    """How far a mask on a slice can be trusted, each part 0..1.

    Attributes
    ----------
    stability : float
        `Mask.stability`: how little the mask depends on the threshold.
    overlap : float or None
        IoU with the mask on the neighbouring slice that it came from, per step of
        one pixel in z (`rules.per_step`). None where the slice was prompted.
    likeness : float or None
        How much of what sets the object apart from its surroundings, in the image,
        is still there (`likeness.likeness`). None where the slice was
        prompted.
    agreement : float or None
        IoU of what came from the prompted slice before and from the one behind;
        0 where only one of the two arrived. None where only one was to come.
    """

    stability: float
    overlap: float | None = None
    likeness: float | None = None
    agreement: float | None = None

    @property
    def combined(self) -> float:
        """One number 0..1: 1 where the user spoke, else the parts' geometric mean."""
        if self.overlap is None:
            return 1.0
        known = (self.stability, self.overlap, self.likeness, self.agreement)
        parts = [max(part, 0.0) for part in known if part is not None]
        return float(math.prod(parts) ** (1 / len(parts)))


@dataclass(frozen=True, eq=False)
class SliceMask:
    """One object on one slice.

    Attributes
    ----------
    mask : Mask
        Disjoint from all other masks of the slice; may be empty.
    origin : {"kept", "prompted", "followed", "blended"}
    confidence : Confidence
    """

    mask: Mask
    origin: Origin
    confidence: Confidence


@dataclass(frozen=True, eq=False)
class StackSlice:
    """One slice, final: all objects found on it.

    Attributes
    ----------
    z : int
        Position along the axis that is walked.
    plane : tuple of int
        Index of the slice over the image's leading axes.
    objects : mapping of int to SliceMask
        By the number of the object, counted from 0 in the order given.
    ended : mapping of int to str
        Objects looked for here and not found, and why.
    """

    z: int
    plane: tuple[int, ...]
    objects: Mapping[int, SliceMask]
    ended: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class StackObject:
    """One object through the stack.

    Attributes
    ----------
    slices : dict of int to SliceMask
        By position along the axis, ascending.
    ended : dict of int to str
        Slices on which it was looked for and not found, and why.
    """

    slices: dict[int, SliceMask] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)

    @property
    def fixed(self) -> dict[int, Mask]:
        """Masks of the slices that were prompted or given: never redone."""
        return {
            z: found.mask
            for z, found in self.slices.items()
            if found.origin in ("kept", "prompted")
        }

    @property
    def extent(self) -> tuple[int, int]:
        """First slice with the object, and the one after the last; (0, 0): none."""
        on = [z for z, found in self.slices.items() if found.mask.area]
        return (min(on), max(on) + 1) if on else (0, 0)

    @property
    def confidences(self) -> dict[int, float]:
        """Combined confidence of each slice from the first to the last.

        0 on a slice between them on which the object was looked for in vain.
        """
        start, stop = self.extent
        found = {z: each.confidence.combined for z, each in self.slices.items()}
        lost = {z: 0.0 for z in self.ended if start <= z < stop and z not in found}
        return dict(sorted({**found, **lost}.items()))

    @property
    def worst_slice(self) -> int | None:
        """Slice of the lowest confidence; None if the user spoke on all of them."""
        fixed = self.fixed
        open_ = {z: c for z, c in self.confidences.items() if z not in fixed}
        return min(open_, key=lambda z: (open_[z], z)) if open_ else None
