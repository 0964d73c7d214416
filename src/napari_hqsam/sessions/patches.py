"""Changes of labels as patches: what was there, and what is there now.

A patch holds both sides of a change of one window of a plane, so it can be
done and undone on any labels that are in the state before or after it. Patches
are computed from labels and never write to them: that is left to a `Target`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry.boxes import around, index_in, is_empty, moved
from napari_hqsam.labels.blocks import blocks
from napari_hqsam.labels.painting import paint
from napari_hqsam.masks.algebra import crop_of, tight_box
from napari_hqsam.sessions.journal.runs import count_runs, decode_runs, encode_runs

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import DTypeLike, NDArray

    from napari_hqsam.geometry import Box, Key, Plane
    from napari_hqsam.labels.painting import Overlap

_WINDOW = 1024  # about the side of the windows that are held at a time, pixels
_MAX_UNIT = 4096  # the side of chunks that are not cut
MAX_PATCH_PIXELS = 2**26
"""Patches of more pixels are not read; those that are written are `windows`."""


@dataclass(frozen=True)
class Write:
    """What is to be written to labels.

    Attributes
    ----------
    key : tuple of int and slice
        The window, one entry per dimension of the labels.
    changed : ndarray
        bool, of the shape of the labels at `key`: the pixels to be written.
    values : ndarray
        Ids of the same shape, in the labels' data type; only those at `changed`
        count.
    """

    key: Key
    changed: NDArray[np.bool_]
    values: NDArray[Any]

    @property
    def indices(self) -> tuple[NDArray[np.intp], ...]:
        """Where to write: one array of indices per dimension of the labels."""
        return indices_of(self.key, self.changed)

    @property
    def ids(self) -> NDArray[Any]:
        """What to write there: one id for each of `indices`."""
        ids: NDArray[Any] = self.values[self.changed]
        return ids


def indices_of(key: Key, mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], ...]:
    """Turn a window and a mask of it into the indices of single pixels.

    Parameters
    ----------
    key : tuple of int and slice
        The window, one entry per dimension of the labels.
    mask : ndarray
        bool, of the shape of the labels at `key`.

    Returns
    -------
    tuple of ndarray
        One array of ints per dimension, pixels in C order: what numpy and
        napari's ``data_setitem`` take.
    """
    found = iter(np.nonzero(mask))
    count = np.count_nonzero(mask)
    return tuple(
        next(found) + (part.start or 0)
        if isinstance(part, slice)
        else np.full(count, part)
        for part in key
    )


class Target(Protocol):
    """Labels that a session changes."""

    @property
    def array(self) -> Any:  # noqa: ANN401 - numpy, zarr or another
        """The labels to be read: ``shape``, ``dtype`` and ``[key]``."""

    def write(self, writes: Iterable[Write]) -> None:
        """Write all that one step changes, in order.

        Raises
        ------
        Exception
            If that fails. What is written then is written back once more.
        """


class ArrayTarget:
    """Labels in a numpy or zarr array, or what can be indexed like them.

    Parameters
    ----------
    array : array-like
        Integers, ``(..., h, w)``.
    """

    def __init__(self, array: Any) -> None:  # noqa: ANN401
        self.array = array

    def write(self, writes: Iterable[Write]) -> None:
        """Write, window by window."""
        for write in writes:
            window = np.array(self.array[write.key])
            window[write.changed] = write.ids
            # Assigned as a whole: lazily stored arrays take slices, not masks.
            self.array[write.key] = window


@dataclass(frozen=True)
class Patch:
    """A change of a window of a plane.

    Attributes
    ----------
    plane : Plane
        Where.
    bbox : tuple of int
        ``(y0, x0, y1, x1)``, half-open, just round the pixels that change.
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
        """Make the patch that leads from one crop, whose corner is given, to another.

        None if nothing changes.
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
        """Return what to write to do the change, or to undo it."""
        before, after = map(self.plane.oriented, self.crops(dtype))
        return Write(
            self.plane.key(self.bbox), before != after, before if back else after
        )

    def onto(self, array: Any) -> Patch | None:  # noqa: ANN401
        """Return the patch that does the same to labels in any state.

        None if there is nothing left to do.
        """
        there = self.plane.read(array, self.bbox)
        before, after = self.crops(there.dtype)
        wanted = np.where(before != after, after, there)
        return Patch.between(self.plane, self.bbox[:2], there, wanted)

    def fits(self, array: Any) -> bool:  # noqa: ANN401
        """Whether labels have the ids there that the change starts from."""
        there = self.plane.read(array, self.bbox)
        before, after = self.crops(there.dtype)
        return bool((there == before)[before != after].all())

    def meets(self, plane: Plane) -> bool:
        """Whether a plane of any orientation cuts through the window."""
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
        """Whether both change a pixel, on planes of any orientation."""
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
        """Tell which pixels change in a part of the window: bool, as the labels."""
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


def windows(array: Any, plane: Plane, box: Box) -> Iterator[Box]:  # noqa: ANN401
    """Yield a box of a plane in pieces that are worth reading at once.

    Parameters
    ----------
    array : array-like
        Labels; pieces are cut where its chunks are, if it has any.
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


def change(
    array: Any,  # noqa: ANN401
    plane: Plane,
    box: Box,
    new: Callable[[NDArray[Any], Box], NDArray[Any]],
) -> Iterator[Patch]:
    """Yield the patches that a rule makes of the labels in a box of a plane.

    Parameters
    ----------
    array : array-like
        Labels; they are read, window by window.
    plane, box
        Where.
    new : callable
        From the ids of a window, (y, x), and its box to the ids that shall be
        there. Must not change what it is given.
    """
    for window in windows(array, plane, box):
        before = plane.read(array, window)
        patch = Patch.between(plane, window[:2], before, new(before, window))
        if patch is not None:
            yield patch


def painted(
    array: Any,  # noqa: ANN401
    plane: Plane,
    bbox: Box,
    data: NDArray[np.bool_],
    label_id: int,
    overlap: Overlap,
    *,
    instead_of: Box | None = None,
) -> tuple[tuple[Patch, ...], int]:
    """Compute what painting a mask changes, and the pixels that the object has then.

    Parameters
    ----------
    array : array-like
        Labels; they are read alone.
    plane, bbox, data, label_id, overlap
        As for `paint`.
    instead_of : tuple of int, optional
        Box in which the object's other pixels are taken from it first: the mask
        is painted instead of them. Not with the overlap "empty", which never
        changes a pixel that has an id.

    Returns
    -------
    patches : tuple of Patch
        The changes.
    pixels : int
        Pixels of the object in both boxes.

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
    return tuple(change(array, plane, box, new)), pixels


def relabelled(
    array: Any,  # noqa: ANN401
    plane: Plane,
    box: Box,
    label_id: int,
    new_id: int,
) -> Iterator[Patch]:
    """Yield the patches that give all pixels of an id in a box another id."""

    def new(before: NDArray[Any], _: Box) -> NDArray[Any]:
        return np.where(before == label_id, before.dtype.type(new_id), before)

    return change(array, plane, box, new)


def check_box(size: tuple[int, int], bbox: Box, data: NDArray[np.bool_]) -> None:
    """Raise if the box does not fit the plane or the mask."""
    y0, x0, y1, x1 = bbox
    inside = 0 <= y0 <= y1 <= size[0] and 0 <= x0 <= x1 <= size[1]
    if not inside or data.shape != (y1 - y0, x1 - x0):
        raise ImageError(
            f"a mask of shape {data.shape} in the box {tuple(bbox)} does not fit a "
            f"plane of shape {size}"
        )
