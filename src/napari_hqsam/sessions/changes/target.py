"""Labels that a session changes: how they are read and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Key


@dataclass(frozen=True)
class Write:
    """One write to labels: new ids for some pixels of a window.

    Attributes
    ----------
    key : tuple of int and slice
        The window, one entry per dimension of the labels.
    changed : ndarray
        bool, of the shape of the labels at `key`: the pixels to write.
    values : ndarray
        Ids of the same shape, in the labels' dtype; used at `changed` only.
    """

    key: Key
    changed: NDArray[np.bool_]
    values: NDArray[Any]

    @property
    def indices(self) -> tuple[NDArray[np.intp], ...]:
        """Indices of the pixels to write, one array per dimension of the labels."""
        return indices_of(self.key, self.changed)

    @property
    def ids(self) -> NDArray[Any]:
        """Ids to write, one for each of `indices`."""
        ids: NDArray[Any] = self.values[self.changed]
        return ids


def indices_of(key: Key, mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], ...]:
    """Convert a window and a mask of it to the indices of single pixels.

    Parameters
    ----------
    key : tuple of int and slice
        The window, one entry per dimension of the labels.
    mask : ndarray
        bool, of the shape of the labels at `key`.

    Returns
    -------
    tuple of ndarray
        One array of ints per dimension, pixels in C order, as numpy's indexing and
        napari's ``data_setitem`` take them.
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
        """The labels, for reading: ``shape``, ``dtype`` and ``[key]``."""

    def write(self, writes: Iterable[Write]) -> None:
        """Apply the writes of one step, in order.

        Raises
        ------
        Exception
            That fails. The caller then writes the previous ids again.
        """


class ArrayTarget:
    """Labels in a numpy or zarr array, or another one that is indexed like them.

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
            # whole windows: zarr arrays are assigned by slices, not by masks
            self.array[write.key] = window
