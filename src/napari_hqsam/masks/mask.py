"""A mask: a boolean crop with its place on the plane, and its scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.prompts.geometry import mask_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.masks import Logits


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
    level: int | None = None
    complete: bool = True
    logits: Logits | None = None

    @classmethod
    def from_crop(
        cls,
        crop: NDArray[np.bool_],
        offset: tuple[int, int],
        score: float,
        stability: float,
        *,
        level: int | None = None,
        complete: bool = True,
        logits: Logits | None = None,
    ) -> Mask:
        """Trim a (h, w) bool crop whose first pixel lies at `offset` on the plane.

        `logits` come back with the mask's box.
        """
        rows, cols = np.flatnonzero(crop.any(1)), np.flatnonzero(crop.any(0))
        if not len(rows):
            empty = np.zeros((0, 0), bool)
            none = 0, 0, 0, 0
            return cls(none, empty, score, stability, level, complete, logits)
        r0, c0, r1, c1 = rows[0], cols[0], rows[-1] + 1, cols[-1] + 1
        y, x = offset
        bbox = int(y + r0), int(x + c0), int(y + r1), int(x + c1)
        data = crop[r0:r1, c0:c1].copy()
        if logits is not None:
            logits = replace(logits, box=mask_box(data, bbox[:2]))
        return cls(bbox, data, score, stability, level, complete, logits)

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
