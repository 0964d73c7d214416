"""A mask: a boolean crop with its place on the plane, and its scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Mask:
    """One object on one plane; never a full-plane array.

    Attributes
    ----------
    bbox : tuple of int
        (y0, x0, y1, x1), half-open, plane pixels. All 0 for an empty mask.
    data : ndarray
        (y1 - y0, x1 - x0) bool.
    score : float
        The network's own guess of the mask's IoU with the truth, about 0..1.
        It rates SAM's mask; the HQ token has no score of its own.
    stability : float
        IoU of the masks at logits above 1 and above -1, 0..1 (SAM paper,
        section 5): how little the mask depends on the threshold. Of the very
        mask this is, HQ included.
    """

    bbox: tuple[int, int, int, int]
    data: NDArray[np.bool_]
    score: float
    stability: float

    @classmethod
    def from_plane(
        cls, plane: NDArray[np.bool_], score: float, stability: float
    ) -> Mask:
        """Crop the mask out of a full (h, w) bool plane."""
        rows, cols = np.flatnonzero(plane.any(1)), np.flatnonzero(plane.any(0))
        if not len(rows):
            return cls((0, 0, 0, 0), np.zeros((0, 0), bool), score, stability)
        y0, x0, y1, x1 = (
            int(rows[0]),
            int(cols[0]),
            int(rows[-1]) + 1,
            int(cols[-1]) + 1,
        )
        return cls((y0, x0, y1, x1), plane[y0:y1, x0:x1].copy(), score, stability)

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.data))

    def to_plane(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Put the mask into a full plane of the given (h, w)."""
        plane = np.zeros(shape, bool)
        y0, x0, y1, x1 = self.bbox
        plane[y0:y1, x0:x1] = self.data
        return plane
