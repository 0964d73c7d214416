"""Compute patches: of painting a mask, and of giving pixels another id."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry.boxes import around
from napari_hqsam.labels.blocks import blocks
from napari_hqsam.labels.painting import paint
from napari_hqsam.masks.algebra import crop_of
from napari_hqsam.sessions.changes.patches import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, Plane
    from napari_hqsam.labels.painting import Overlap


_WINDOW = 1024  # about the side of the windows that are held at a time, pixels


_MAX_UNIT = 4096  # the side of chunks that are not cut


def windows(array: Any, plane: Plane, box: Box) -> Iterator[Box]:  # noqa: ANN401
    """Yield a box of a plane in windows to read at once, along chunk borders.

    Parameters
    ----------
    array : array-like
        Labels; windows are whole chunks, if it has any.
    plane : Plane
        The plane.
    box : tuple of int
        The box, plane pixels.
    """
    stored = getattr(array, "shards", None) or getattr(array, "chunks", None)
    steps = []
    for axis in plane.axes:
        unit = stored[axis] if stored else 1
        if not isinstance(unit, int) or unit > _MAX_UNIT:  # dask's chunks may differ
            unit = 1
        steps.append(unit * -(-_WINDOW // unit))
    for y, x in blocks(SimpleNamespace(chunks=tuple(steps)), box):
        yield y.start, x.start, y.stop, x.stop


def patches_of(
    array: Any,  # noqa: ANN401
    plane: Plane,
    box: Box,
    new: Callable[[NDArray[Any], Box], NDArray[Any]],
) -> Iterator[Patch]:
    """Yield the patches of a change of the labels in a box of a plane.

    Parameters
    ----------
    array : array-like
        Labels; they are read, window by window.
    plane, box
        Where to change them.
    new : callable
        Takes the ids of a window, (h, w), and its box; returns the new ids. Must
        not modify its argument.
    """
    for window in windows(array, plane, box):
        before = plane.read(array, window)
        patch = Patch.between(plane, window[:2], before, new(before, window))
        if patch is not None:
            yield patch


def paint_patches(
    array: Any,  # noqa: ANN401
    plane: Plane,
    bbox: Box,
    data: NDArray[np.bool_],
    label_id: int,
    overlap: Overlap,
    *,
    instead_of: Box | None = None,
) -> tuple[tuple[Patch, ...], int]:
    """Compute the patches of painting a mask, and the object's pixels afterwards.

    Parameters
    ----------
    array : array-like
        Labels; not modified.
    plane, bbox, data, label_id, overlap
        As for `paint`.
    instead_of : tuple of int, optional
        Box in which the object's pixels are cleared first: the mask replaces them.
        Not with the overlap "empty", which never changes a pixel with an id.

    Returns
    -------
    patches : tuple of Patch
        The changes.
    pixels : int
        Number of pixels of the object in both boxes.

    Raises
    ------
    ImageError
        As `paint`.
    """
    check_box(plane.size(array.shape), bbox, data)
    pixels = 0

    def new(before: NDArray[Any], window: Box) -> NDArray[Any]:
        nonlocal pixels
        after = before.copy()
        if instead_of is not None and overlap != "empty":
            after[before == label_id] = 0
        part = crop_of(bbox, data, window)
        paint(after, (0, 0, *part.shape), part, label_id, overlap)
        pixels += int(np.count_nonzero(after == label_id))
        return after

    box = bbox if instead_of is None else around(bbox, instead_of)
    return tuple(patches_of(array, plane, box, new)), pixels


def relabel_patches(
    array: Any,  # noqa: ANN401
    plane: Plane,
    box: Box,
    label_id: int,
    new_id: int,
) -> Iterator[Patch]:
    """Yield the patches that give all pixels of an id in a box another id."""

    def new(before: NDArray[Any], _: Box) -> NDArray[Any]:
        return np.where(before == label_id, before.dtype.type(new_id), before)

    return patches_of(array, plane, box, new)


def check_box(size: tuple[int, int], bbox: Box, data: NDArray[np.bool_]) -> None:
    """Raise ImageError if a box does not fit the plane (h, w) or the mask."""
    y0, x0, y1, x1 = bbox
    inside = 0 <= y0 <= y1 <= size[0] and 0 <= x0 <= x1 <= size[1]
    if not inside or data.shape != (y1 - y0, x1 - x0):
        raise ImageError(
            f"a mask of shape {data.shape} in the box {tuple(bbox)} does not fit a "
            f"plane of shape {size}"
        )
