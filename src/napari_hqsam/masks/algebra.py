"""Set operations and boxes of masks, each a crop with its bounding box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import scipy  # its subpackages are imported on first use

from napari_hqsam.geometry.boxes import (
    EMPTY,
    common,
    index_in,
    is_empty,
    moved,
    shape_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, FloatBox

_ROWS = 256  # boxes compared with all others at once


class MaskCrop(Protocol):
    """A mask as a crop with its box, such as `Mask` and `MaskRecord`."""

    @property
    def bbox(self) -> Box:
        """``(y0, x0, y1, x1)``, half-open, plane pixels."""

    @property
    def data(self) -> NDArray[np.bool_]:
        """Bool, of the size of the box."""

    @property
    def area(self) -> int:
        """Number of pixels."""


def tight_box(on: NDArray[Any], corner: tuple[int, int] = (0, 0)) -> Box:
    """Return the smallest box around all nonzero pixels.

    Parameters
    ----------
    on : ndarray
        (h, w); nonzero is foreground.
    corner : (y, x)
        Plane position of its first pixel.

    Returns
    -------
    Box
        (y0, x0, y1, x1), half-open; `EMPTY` if there are none.
    """
    rows, cols = np.flatnonzero(on.any(1)), np.flatnonzero(on.any(0))
    if not len(rows):
        return EMPTY
    box = int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1
    return moved(box, corner)


def pixel_box(on: NDArray[np.bool_], corner: tuple[int, int] = (0, 0)) -> FloatBox:
    """Return the box around the foreground pixels, to their edges.

    Parameters
    ----------
    on : ndarray
        (h, w) bool with at least one true pixel.
    corner : (y, x)
        Plane position of its first pixel.

    Returns
    -------
    FloatBox
        A single pixel at (3, 4) gives (2.5, 3.5, 3.5, 4.5).
    """
    y0, x0, y1, x1 = tight_box(on, corner)
    return y0 - 0.5, x0 - 0.5, y1 - 0.5, x1 - 0.5


def deepest_pixel(foreground: NDArray[np.bool_]) -> tuple[tuple[int, int], float]:
    """Find the pixel of a mask that is furthest from the background.

    By the Euclidean distance transform.

    Parameters
    ----------
    foreground : (h, w) bool array with at least one true pixel
        Beyond the array is background.

    Returns
    -------
    pixel : (y, x)
        The first such pixel, row by row.
    depth : float
        Its distance to the nearest background pixel, pixels.
    """
    depth = scipy.ndimage.distance_transform_edt(np.pad(foreground, 1))[1:-1, 1:-1]
    y, x = divmod(int(np.argmax(depth)), depth.shape[1])
    return (y, x), float(depth[y, x])


def crop_of(bbox: Box, data: NDArray[np.bool_], box: Box) -> NDArray[np.bool_]:
    """Return the part of a mask in another box: bool, of the size of that box."""
    crop = np.zeros(shape_of(box), np.bool_)
    shared = common(bbox, box)
    if not is_empty(shared):
        crop[index_in(shared, box)] = data[index_in(shared, bbox)]
    return crop


def intersection(a: MaskCrop, b: MaskCrop) -> int:
    """Count the pixels that two masks share."""
    shared = common(a.bbox, b.bbox)
    if is_empty(shared):
        return 0
    both = a.data[index_in(shared, a.bbox)] & b.data[index_in(shared, b.bbox)]
    return int(np.count_nonzero(both))


def iou(a: MaskCrop, b: MaskCrop) -> float:
    """Compute the intersection over union of two masks; 1 if both are empty."""
    both = intersection(a, b)
    union = a.area + b.area - both
    return both / union if union else 1.0


def minus(a: MaskCrop, b: MaskCrop) -> NDArray[np.bool_]:
    """Return the set difference of two masks: bool, in the first one's box.

    If they are disjoint, the array of the first mask itself, not a copy.
    """
    shared = common(a.bbox, b.bbox)
    if is_empty(shared):
        return a.data
    here, there = index_in(shared, a.bbox), index_in(shared, b.bbox)
    if not (a.data[here] & b.data[there]).any():
        return a.data
    rest = a.data.copy()
    rest[here] &= ~b.data[there]
    return rest


def overlapping_boxes(
    first: Sequence[MaskCrop], second: Sequence[MaskCrop]
) -> Iterator[tuple[int, int]]:
    """Yield the indices of all pairs of masks whose boxes overlap."""
    if not first or not second:
        return
    boxes = np.array([m.bbox for m in second])
    for start in range(0, len(first), _ROWS):
        here = np.array([m.bbox for m in first[start : start + _ROWS]])[:, None]
        meets = (here[..., :2] < boxes[:, 2:]) & (boxes[:, :2] < here[..., 2:])
        for i, j in zip(*np.nonzero(meets.all(-1)), strict=True):
            yield int(i) + start, int(j)
