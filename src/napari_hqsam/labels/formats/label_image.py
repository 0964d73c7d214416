"""Interface of label writers: the labels to write, and what a format can hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np  # noqa: TC002 - of a dataclass

from napari_hqsam.geometry import Space  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    import zarr

Colors = "Mapping[int, tuple[int, int, int, int]]"


@dataclass(frozen=True)
class LabelImage:
    """Labels to be written.

    Attributes
    ----------
    target : pathlib.Path
        Where they will be.
    shape : tuple of int
    dtype : numpy.dtype
        uint16 or uint32.
    space : Space
        Axes, one for each dimension, and where the pixels are.
    colors : mapping of int to (r, g, b, a)
        Colours that objects have, each from 0 to 255; others have none of their own.
    internal : bool
        Whether no other program is to read them.
    """

    target: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    space: Space
    colors: Mapping[int, tuple[int, int, int, int]] = field(default_factory=dict)
    internal: bool = False

    @property
    def nbytes(self) -> int:
        """Size of the pixels in bytes."""
        count = self.dtype.itemsize
        for size in self.shape:
            count *= size
        return count

    def sizes(self, axes: str) -> tuple[int, ...]:
        """Return the shape for other axes; 1 along new ones."""
        by_axis = dict(zip(self.space.axes, self.shape, strict=True))
        return tuple(by_axis.get(letter, 1) for letter in axes)


class Writer(Protocol):
    """Writes labels in a format; made by `LabelFormat.writer`.

    Attributes
    ----------
    axes : str
        The axes in the order in which the format stores them.
    stored_space : Space
        The space that other programs will read, under `axes`.
    losses : list of str
        What else the format cannot hold.
    remark : str
        What else users are to know; may be empty.
    """

    axes: str
    stored_space: Space
    losses: list[str]
    remark: str

    def open(
        self, partial: Path, note: Mapping[str, Any] | None
    ) -> AbstractContextManager[zarr.Array[Any]]:
        """Create the labels at a temporary path, to be moved to the target afterwards.

        Parameters
        ----------
        partial : pathlib.Path
            Nothing is there yet.
        note : mapping or None
            See `images.space_note`.

        Returns
        -------
        context manager of zarr.Array
            All 0, to be written to; complete at the path when it ends.
        """
