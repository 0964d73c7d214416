"""Lazy view of an array with its axes transposed, for reading and writing."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import DTypeLike, NDArray

    from napari_hqsam.images.source import LazyArray


class Rearranged:
    """Transposes an array; axes of length 1 may be added or left out.

    Parameters
    ----------
    array : LazyArray
        What is stored, indexed by ints and slices.
    order : sequence of (int or None)
        For each axis of this view the axis of the array; None: an axis of length 1
        that the array lacks.
    at : mapping of int to int, optional
        Where the view is along axes of the array that are not named: of a channel
        axis, which channel. Others must be of length 1.
    """

    def __init__(
        self,
        array: LazyArray,
        order: Sequence[int | None],
        at: Mapping[int, int] | None = None,
    ) -> None:
        self.array, self.order, self.at = array, tuple(order), dict(at or {})
        sizes = tuple(int(n) for n in array.shape)
        self.shape = tuple(1 if i is None else sizes[i] for i in self.order)
        left_out = set(range(len(sizes))) - set(self.order)
        if len({i for i in self.order if i is not None}) + len(left_out) != len(sizes):
            raise ValueError(f"{order} names an axis twice")
        if any(sizes[i] != 1 for i in left_out - set(self.at)):
            raise ValueError(f"{order} leaves out an axis of {sizes}")

    @property
    def dtype(self) -> np.dtype:
        """Data type."""
        dtype: np.dtype = np.dtype(self.array.dtype)
        return dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return math.prod(self.shape)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Chunk shape; None if the array has none."""
        return self._by_axis(getattr(self.array, "chunks", None))

    @property
    def shards(self) -> tuple[int, ...] | None:
        """Shard shape, where chunks are stored in shards."""
        return self._by_axis(getattr(self.array, "shards", None))

    def __getitem__(self, key: Any) -> NDArray[Any]:  # noqa: ANN401
        """Read with ints and slices."""
        full = self._full(key)
        block = np.asarray(self.array[self._stored_key(full)])
        kept = self._sliced(full)
        stored = sorted(i for i in kept if i is not None)
        block = block.transpose([stored.index(i) for i in kept if i is not None])
        added = tuple(at for at, i in enumerate(kept) if i is None)
        return np.expand_dims(block, added)

    def __setitem__(self, key: Any, value: Any) -> None:  # noqa: ANN401
        """Write with ints and slices."""
        full = self._full(key)
        kept = self._sliced(full)
        sizes = [
            len(range(*part.indices(size)))
            for part, size in zip(full, self.shape, strict=True)
            if isinstance(part, slice)
        ]
        block = np.broadcast_to(np.asarray(value, self.dtype), sizes)
        added = tuple(at for at, i in enumerate(kept) if i is None)
        block = block.squeeze(added)
        named = [i for i in kept if i is not None]
        block = block.transpose([named.index(i) for i in sorted(named)])
        self.array[self._stored_key(full)] = block  # type: ignore[index]

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """Read all of it."""
        return self[...].astype(dtype or self.dtype, copy=False)

    def _by_axis(self, values: Any) -> tuple[int, ...] | None:  # noqa: ANN401
        """Return values of the stored axes in the order of this view."""
        if values is None:
            return None
        return tuple(1 if i is None else values[i] for i in self.order)

    def _full(self, key: Any) -> tuple[int | slice, ...]:  # noqa: ANN401
        """Return an index for each axis: non-negative ints and slices."""
        parts = list(key) if isinstance(key, tuple) else [key]
        missing = self.ndim - sum(part is not Ellipsis for part in parts)
        if Ellipsis not in [p for p in parts if not isinstance(p, np.ndarray)]:
            parts.append(Ellipsis)
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * missing
        if len(parts) != self.ndim:
            raise IndexError(f"{key} does not fit the shape {self.shape}")
        return tuple(
            part if isinstance(part, slice) else self._number(part, size)
            for part, size in zip(parts, self.shape, strict=True)
        )

    @staticmethod
    def _number(part: Any, size: int) -> int:  # noqa: ANN401
        number = operator.index(part)
        if not -size <= number < size:
            raise IndexError(f"index {number} is out of range for an axis of {size}")
        return number % size

    def _stored_key(self, full: tuple[int | slice, ...]) -> tuple[int | slice, ...]:
        """Return the index of the stored array."""
        count = len(self.array.shape)
        key: list[int | slice] = [self.at.get(i, 0) for i in range(count)]
        for part, i in zip(full, self.order, strict=True):
            if i is not None:
                key[i] = part
        return tuple(key)

    def _sliced(self, full: tuple[int | slice, ...]) -> list[int | None]:
        """Return the stored axis (None: new) of each axis that an index keeps."""
        return [
            i
            for part, i in zip(full, self.order, strict=True)
            if isinstance(part, slice)
        ]


def rearranged(array: LazyArray, axes: str, wanted: str) -> LazyArray:
    """Transpose an array lazily; return it as it is if the order is the same.

    Parameters
    ----------
    array : LazyArray
        What is stored.
    axes, wanted : str
        Its letters, and those of the result. Axes of length 1 may be added or
        left out.

    Raises
    ------
    ValueError
        An axis that is left out is longer.
    """
    if axes == wanted:
        return array
    order = [axes.index(letter) if letter in axes else None for letter in wanted]
    return Rearranged(array, order)
