"""Put one mask into a label image, and find an id for the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

Overlap = Literal["keep", "overwrite"]


def paint(
    labels: np.ndarray,
    mask_bbox: tuple[int, int, int, int],
    mask_data: np.ndarray,
    label_id: int,
    overlap: Overlap = "keep",
    *,
    index: Sequence[int] = (),
) -> int:
    """Write an id where a mask is true, in place; only the box is touched.

    Parameters
    ----------
    labels : numpy.ndarray
        Integers, shape ``(..., h, w)``. A zarr array works as well: then only
        the chunks under the box are read and written.
    mask_bbox : tuple of int
        ``(y0, x0, y1, x1)``, half-open, inside the plane.
    mask_data : numpy.ndarray
        bool, shape ``(y1 - y0, x1 - x0)``.
    label_id : int
        The id, at least 1 and no more than the data type holds.
    overlap : {"keep", "overwrite"}
        Who gets pixels that belong to another object: it keeps them, or the
        new mask takes them.
    index : sequence of int
        Plane index over the leading axes of ``labels``.

    Returns
    -------
    int
        Number of pixels that now have the id and did not before.

    Raises
    ------
    ImageError
        If the labels are not integers, the id or the box does not fit them, or
        the mask does not fit the box.
    """
    if overlap not in get_args(Overlap):
        raise ImageError(f'overlap {overlap!r} is unknown; use "keep" or "overwrite"')
    _check_id(labels, label_id)
    window_slices = _window(labels, mask_bbox, mask_data, index)
    key: tuple[int | slice, ...] = (*index, *window_slices)
    window = np.asarray(labels[key])
    new = mask_data.astype(bool) & (window != label_id)
    if overlap == "keep":
        new &= window == 0
    # Assigned as a whole: lazily stored arrays take slices, not masks.
    labels[key] = np.where(new, np.asarray(label_id, window.dtype), window)
    return int(new.sum())


def free_id(labels: np.ndarray) -> int:
    """Return an id that no object has.

    Parameters
    ----------
    labels : numpy.ndarray
        Integers of any shape.

    Returns
    -------
    int
        One above the highest id; the lowest unused one where the data type
        ends there.

    Raises
    ------
    ImageError
        If the labels are not integers or every id is taken.
    """
    _check_integers(labels)
    highest = int(np.max(labels, initial=0))
    limit = int(np.iinfo(labels.dtype).max)
    if highest < limit:
        return highest + 1
    used = np.unique(labels)
    used = used[used > 0]
    gaps = np.flatnonzero(used != np.arange(1, len(used) + 1, dtype=used.dtype))
    if gaps.size == 0:
        raise ImageError(
            f"all {limit} ids of {labels.dtype} are taken; convert the labels to a "
            "wider type"
        )
    return int(gaps[0]) + 1


def _check_integers(labels: np.ndarray) -> None:
    """Raise if the array cannot be a label image."""
    if np.dtype(labels.dtype).kind not in "iu":
        raise ImageError(f"labels are {labels.dtype}; convert them to integers")


def _check_id(labels: np.ndarray, label_id: int) -> None:
    """Raise if the id is no object's, or too large for the array."""
    _check_integers(labels)
    limit = int(np.iinfo(labels.dtype).max)
    if not 1 <= label_id <= limit:
        raise ImageError(
            f"label id {label_id} must be from 1 to {limit}, the most that "
            f"{labels.dtype} holds; choose another id or convert the labels"
        )


def _window(
    labels: np.ndarray,
    bbox: tuple[int, int, int, int],
    data: np.ndarray,
    index: Sequence[int],
) -> tuple[slice, slice]:
    """Slices of the box; raise if it does not fit the plane or the mask."""
    if labels.ndim != len(index) + 2:
        raise ImageError(
            f"labels of shape {labels.shape} need a plane index of "
            f"{max(0, labels.ndim - 2)} numbers, got {tuple(index)}"
        )
    for number, size in zip(index, labels.shape, strict=False):
        if not 0 <= number < size:
            raise ImageError(
                f"plane index {tuple(index)} is out of range for labels of shape "
                f"{labels.shape}"
            )
    y0, x0, y1, x1 = bbox
    height, width = labels.shape[-2:]
    if not (0 <= y0 <= y1 <= height and 0 <= x0 <= x1 <= width):
        raise ImageError(
            f"box {tuple(bbox)} must be (y0, x0, y1, x1) inside the plane of shape "
            f"{(height, width)}"
        )
    if data.shape != (y1 - y0, x1 - x0):
        raise ImageError(
            f"mask of shape {data.shape} does not fit its box {tuple(bbox)}, which is "
            f"{(y1 - y0, x1 - x0)}"
        )
    return slice(y0, y1), slice(x0, x1)
