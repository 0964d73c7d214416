"""A mask: a boolean crop with its place on the plane, and its scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.geometry.boxes import EMPTY, index_in, is_empty
from napari_hqsam.masks.algebra import pixel_box, tight_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.masks.logits import Logits


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
        Predicted IoU, about 0..1. It rates SAM's mask; the HQ token has no score of
        its own.
    stability : float
        Stability score, 0..1: IoU of the masks at logits above 1 and above -1 (SAM
        paper, section 5). Of this mask, HQ included.
    level : int, optional
        Level of its tile; None if the whole plane was shown in one tile.
    complete : bool
        False if the object continues beyond the tiles that were decoded.
    logits : Logits, optional
        SAM's logits, for the next prediction.
    """

    bbox: Box
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
        """Make a mask from a (h, w) bool crop, trimmed to its tight box.

        Parameters
        ----------
        crop : ndarray
            (h, w) bool.
        offset : (y, x)
            Plane position of its first pixel.
        score, stability, level, complete, logits
            As the attributes; `logits` get the mask's box.
        """
        y, x = (int(start) for start in offset)
        bbox = tight_box(crop, (y, x))
        if is_empty(bbox):
            empty = np.zeros((0, 0), bool)
            return cls(EMPTY, empty, score, stability, level, complete, logits)
        data = crop[index_in(bbox, (y, x, *bbox[2:]))].copy()
        if logits is not None:
            logits = replace(logits, box=pixel_box(data, bbox[:2]))
        return cls(bbox, data, score, stability, level, complete, logits)

    def with_pixels(self, data: NDArray[np.bool_]) -> Mask:
        """Return a copy with other pixels, trimmed to their tight box.

        Parameters
        ----------
        data : ndarray
            Bool, of the size of the box.
        """
        return Mask.from_crop(
            data,
            self.bbox[:2],
            self.score,
            self.stability,
            level=self.level,
            complete=self.complete,
            logits=self.logits,
        )

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
