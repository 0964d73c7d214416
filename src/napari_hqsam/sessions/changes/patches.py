"""Patches: the ids before and after a change, in one window of a plane.

A patch can be applied to labels in the state before it, and undone in the state after
it. Patches never write to labels: a `Target` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.geometry.boxes import index_in, is_empty, moved
from napari_hqsam.masks.algebra import tight_box
from napari_hqsam.sessions.changes.target import Write
from napari_hqsam.sessions.journal.runs import count_runs, decode_runs, encode_runs

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from napari_hqsam.geometry import Box, Plane

MAX_PATCH_PIXELS = 2**26
"""Larger patches of a journal are refused; those written are at most `windows`."""


@dataclass(frozen=True)
class Patch:
    """A change of the ids in a window of a plane.

    Attributes
    ----------
    plane : Plane
        The plane.
    bbox : tuple of int
        ``(y0, x0, y1, x1)``, half-open, tight around the pixels that change.
    before, after : str
        `encode_runs` of the ids there, (y, x); 0 in both where nothing changes.
    """

    plane: Plane
    bbox: Box
    before: str
    after: str

    @classmethod
    def between(
        cls,
        plane: Plane,
        corner: tuple[int, int],
        before: NDArray[Any],
        after: NDArray[Any],
    ) -> Patch | None:
        """Make the patch from one crop to another; None if they are equal.

        Parameters
        ----------
        plane : Plane
        corner : (y, x)
            Plane position of the crops.
        before, after : ndarray
            Ids, (h, w) each.
        """
        changed = before != after
        box = tight_box(changed)
        if is_empty(box):
            return None
        tight = index_in(box, (0, 0, *changed.shape))
        return cls(
            plane,
            moved(box, corner),
            encode_runs((before * changed)[tight]),
            encode_runs((after * changed)[tight]),
        )

    def crops(self, dtype: DTypeLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the ids before and after, (y, x), 0 where nothing changes."""
        y0, x0, y1, x1 = self.bbox
        shape = y1 - y0, x1 - x0
        return (
            decode_runs(self.before, shape, dtype),
            decode_runs(self.after, shape, dtype),
        )

    def write(self, dtype: DTypeLike, *, back: bool = False) -> Write:
        """Return the write that applies the patch, or undoes it with `back`."""
        before, after = map(self.plane.oriented, self.crops(dtype))
        return Write(
            self.plane.key(self.bbox), before != after, before if back else after
        )

    def onto(self, array: Any) -> Patch | None:  # noqa: ANN401
        """Return the patch to the same ids from labels in any state.

        None if the labels have them already.
        """
        there = self.plane.read(array, self.bbox)
        before, after = self.crops(there.dtype)
        wanted = np.where(before != after, after, there)
        return Patch.between(self.plane, self.bbox[:2], there, wanted)

    def fits(self, array: Any) -> bool:  # noqa: ANN401
        """Whether labels have the ids that the patch begins with."""
        there = self.plane.read(array, self.bbox)
        before, after = self.crops(there.dtype)
        return bool((there == before)[before != after].all())

    def meets(self, plane: Plane) -> bool:
        """Whether a plane of any orientation intersects the window."""
        y0, x0, y1, x1 = self.bbox
        at = iter(self.plane.index)
        rows, cols = (y0, y1), (x0, x1)
        spans = {self.plane.axes[0]: rows, self.plane.axes[1]: cols}
        across = iter(plane.index)
        for axis in range(len(plane.index) + 2):
            start, stop = spans[axis] if axis in spans else ((n := next(at)), n + 1)
            if axis not in plane.axes and not start <= next(across) < stop:
                return False
        return True

    def overlaps(self, other: Patch) -> bool:
        """Whether both patches change a common pixel, on planes of any orientation."""
        common = [
            slice(max(a.start, b.start), min(a.stop, b.stop))
            for a, b in zip(self._spans(), other._spans(), strict=True)
        ]
        if any(part.start >= part.stop for part in common):
            return False
        return bool((self._changed(common) & other._changed(common)).any())

    def _spans(self) -> list[slice]:
        """Return the window, one slice per dimension of the labels."""
        key = self.plane.key(self.bbox)
        return [p if isinstance(p, slice) else slice(p, p + 1) for p in key]

    def _changed(self, part: Sequence[slice]) -> NDArray[np.bool_]:
        """Return which pixels change in a part of the window: bool, as the labels."""
        spans = self._spans()
        changed = self.write(np.uint64).changed
        whole = changed.reshape([span.stop - span.start for span in spans])
        return whole[
            tuple(
                slice(p.start - span.start, p.stop - span.start)
                for p, span in zip(part, spans, strict=True)
            )
        ]

    def counts(self) -> tuple[Counter[int], Counter[int]]:
        """Count the pixels that each id gains, and those that each loses."""
        y0, x0, y1, x1 = self.bbox
        size = (y1 - y0) * (x1 - x0)
        return count_runs(self.after, size), count_runs(self.before, size)
