"""Masks of one plane in layers: a pixel that several masks share is the upper one's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from napari_hqsam.geometry.boxes import common, is_empty, shape_of
from napari_hqsam.masks.algebra import MaskCrop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_hqsam.geometry import Box

Layer = TypeVar("Layer", bound=MaskCrop)


class LayeredMasks(Generic[Layer]):
    """Masks of one plane, read window by window: never a full-plane array.

    Parameters
    ----------
    masks : sequence of MaskCrop
        The lowest one first.

    Attributes
    ----------
    masks : tuple of MaskCrop
    """

    def __init__(self, masks: Sequence[Layer]) -> None:
        self.masks = tuple(masks)
        boxes = [mask.bbox for mask in self.masks]
        self._boxes = np.array(boxes, np.int64).reshape(-1, 4)

    def meeting(self, box: Box) -> list[int]:
        """Return the indices of the masks whose boxes overlap a box, ascending."""
        first, last = self._boxes[:, :2] < box[2:], box[:2] < self._boxes[:, 2:]
        found: list[int] = np.flatnonzero(first.all(1) & last.all(1)).tolist()
        return found

    def numbers(self, window: Box, step: int = 1) -> NDArray[np.int32]:
        """Return which mask is the uppermost one at the pixels of a window.

        Parameters
        ----------
        window : (y0, x0, y1, x1)
            Half-open, plane pixels.
        step : int
            Only each pixel of this number counts: the rows y0, y0 + step, ...

        Returns
        -------
        (h, w) int32 array
            0 where there is none, else 1 more than the index of the mask.
        """
        height, width = (-(-n // step) for n in shape_of(window))
        found = np.zeros((height, width), np.int32)
        for i in self.meeting(window):
            mask = self.masks[i]
            y0, x0, y1, x1 = common(mask.bbox, window)
            row, column = -(-(y0 - window[0]) // step), -(-(x0 - window[1]) // step)
            y, x = window[0] + row * step, window[1] + column * step
            top, left = mask.bbox[:2]
            part = mask.data[y - top : y1 - top : step, x - left : x1 - left : step]
            h, w = part.shape
            found[row : row + h, column : column + w][part] = i + 1
        return found

    def own_pixels(self, i: int) -> NDArray[np.bool_]:
        """Return the pixels of a mask that no mask above it has, in its box."""
        own: NDArray[np.bool_] = self.numbers(self.masks[i].bbox) == i + 1
        return own

    def under(self, pixels: ArrayLike) -> list[int]:
        """Return the indices of the masks that hold any of (n, 2) pixels, ascending."""
        points = np.asarray(pixels, np.int64).reshape(-1, 2)
        if not len(points):
            return []
        (y0, x0), (y1, x1) = points.min(0).tolist(), (points.max(0) + 1).tolist()
        return [
            i for i in self.meeting((y0, x0, y1, x1)) if _holds(self.masks[i], points)
        ]

    def shares(self, box: Box) -> dict[int, float]:
        """Return the share of each mask's pixels in a box, above 0, by indices."""
        found = {}
        for i in self.meeting(box):
            mask, shared = self.masks[i], common(self.masks[i].bbox, box)
            (top, left), (y0, x0, y1, x1) = mask.bbox[:2], shared
            inside = mask.data[y0 - top : y1 - top, x0 - left : x1 - left]
            if not is_empty(shared) and inside.any():
                found[i] = float(np.count_nonzero(inside) / mask.area)
        return found


def _holds(mask: MaskCrop, points: NDArray[np.int64]) -> bool:
    """Whether a mask holds any of (n, 2) pixels."""
    y0, x0, y1, x1 = mask.bbox
    inside = ((points >= (y0, x0)) & (points < (y1, x1))).all(1)
    rows, columns = (points[inside] - (y0, x0)).T
    return bool(mask.data[rows, columns].any())
