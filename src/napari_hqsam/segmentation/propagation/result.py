"""Results of a propagation: masks by slice, with confidences."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_hqsam.masks.mask import Mask

Origin = Literal["kept", "prompted", "followed", "blended"]
"""Given as a mask; segmented from a prompt; propagated from one side; from both."""


@dataclass(frozen=True)
class Confidence:
    """Confidence in a mask on a slice, each part 0..1.

    Attributes
    ----------
    stability : float
        `Mask.stability`.
    overlap : float or None
        IoU with the mask on the neighbouring slice that it was propagated from, per
        pixel of distance in z (`rules.per_step`). None where given or prompted.
    contrast : float or None
        Contrast of the object to its surroundings, as a fraction of the reference
        (`contrast.relative_contrast`). None where given or prompted.
    agreement : float or None
        IoU of the forward and the backward mask; 0 where only one of them was
        found. None where only one direction runs.
    """

    stability: float
    overlap: float | None = None
    contrast: float | None = None
    agreement: float | None = None

    @property
    def combined(self) -> float:
        """Geometric mean of the parts, 0..1; 1 where given or prompted."""
        if self.overlap is None:
            return 1.0
        known = (self.stability, self.overlap, self.contrast, self.agreement)
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
        Given, prompted, propagated from one side, or from both.
    confidence : Confidence
    """

    mask: Mask
    origin: Origin
    confidence: Confidence


@dataclass(frozen=True, eq=False)
class StackSlice:
    """The final masks of all objects on one slice.

    Attributes
    ----------
    z : int
        Index along the axis of propagation.
    plane : tuple of int
        Index of the slice over the image's leading axes.
    objects : mapping of int to SliceMask
        By the number of the object, counted from 0 in the order given.
    ended : mapping of int to str
        Objects that were not found here, with the reason.
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
        By index along the axis, ascending.
    ended : dict of int to str
        Slices on which it was not found, with the reason.
    """

    slices: dict[int, SliceMask] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)

    @property
    def fixed(self) -> dict[int, Mask]:
        """Masks of the prompted and given slices, which are never recomputed."""
        return {
            z: found.mask
            for z, found in self.slices.items()
            if found.origin in ("kept", "prompted")
        }

    @property
    def extent(self) -> tuple[int, int]:
        """Half-open range of slices with the object; (0, 0) if there are none."""
        on = [z for z, found in self.slices.items() if found.mask.area]
        return (min(on), max(on) + 1) if on else (0, 0)

    @property
    def confidences(self) -> dict[int, float]:
        """Combined confidence by slice; 0 on gaps in which the object was not found."""
        start, stop = self.extent
        found = {z: each.confidence.combined for z, each in self.slices.items()}
        lost = {z: 0.0 for z in self.ended if start <= z < stop and z not in found}
        return dict(sorted({**found, **lost}.items()))

    @property
    def worst_slice(self) -> int | None:
        """Slice of the lowest confidence; None if all are given or prompted."""
        fixed = self.fixed
        open_ = {z: c for z, c in self.confidences.items() if z not in fixed}
        return min(open_, key=lambda z: (open_[z], z)) if open_ else None
