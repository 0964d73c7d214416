"""A Labels layer as target of a session.

All changes are written with `data_setitem`, so that napari draws them and its own
undo (Ctrl+Z on the layer) works; see `napari_history`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.viewer.files.label_files import FLAT, without_step
from napari_hqsam.viewer.planes import layer_shape, without_axis
from napari_hqsam.viewer.session.target.napari_history import NapariHistory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_hqsam.sessions.changes.target import Write

TOGETHER = 2**20
"""Pixels from which on a part of a step is written by itself."""


class LayerTarget:
    """The labels of a layer, for a session to change.

    Parameters
    ----------
    layer : Labels
    flat : int, optional
        Axis of the layer with one step for all channels: the session's labels lack
        it.

    Attributes
    ----------
    history : NapariHistory
        What napari itself changed in the layer.
    writing : bool
        Whether the layer is being changed from here: its events are to be ignored.
    """

    def __init__(self, layer: Labels, flat: int | None = None) -> None:
        self.layer, self.flat = layer, flat
        if flat is not None:
            layer.metadata = {**layer.metadata, FLAT: flat}
        self.history = NapariHistory(layer, flat)
        self.writing = False
        self._draws = True
        self._data = layer.data

    @property
    def array(self) -> Any:  # noqa: ANN401 - numpy, zarr or another
        """The session's labels, to be read."""
        return self._without_step(self.layer.data)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the session's labels."""
        return without_axis(layer_shape(self.layer), self.flat)

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the layer, as napari hands them to writers, for its labels."""
        return without_step(self.layer.as_layer_data_tuple()[1], self.flat)

    def replaced(self) -> NDArray[Any] | None:
        """Return the former labels if others have assigned new data to the layer.

        Since the last call, and in memory only: to compare arrays on the disk might
        take forever.
        """
        before, self._data = self._data, self.layer.data
        now = self._data
        if before is now or not isinstance(before, np.ndarray):
            return None
        if not isinstance(now, np.ndarray) or before.shape != now.shape:
            return None
        labels: NDArray[Any] = self._without_step(before)
        return labels

    @contextmanager
    def undrawn(self) -> Iterator[None]:
        """Write without drawing: the next write after the block draws all of it."""
        self._draws = False
        try:
            yield
        finally:
            self._draws = True

    def write(self, writes: Iterable[Write]) -> None:
        """Write all that one step changes, as one step of napari's undo.

        Parts are written together: napari takes some 10 ms for each call.
        """
        self.writing = True
        try:
            with self.layer.block_history():
                for indices, ids in _together(writes, self.shape):
                    at = list(indices)
                    if self.flat is not None:
                        at.insert(self.flat, np.zeros_like(at[0]))
                    self.layer.data_setitem(tuple(at), ids, refresh=self._draws)
        finally:
            self.writing = False

    def show(self, labels: NDArray[Any] | None) -> None:
        """Show labels that were put together elsewhere.

        Parameters
        ----------
        labels : ndarray or None
            None: the layer's array on the disk was changed in place.
        """
        self.writing = True
        try:
            if labels is not None and labels is not self.layer.data:
                if self.flat is not None:
                    labels = np.expand_dims(labels, self.flat)
                self.layer.data = labels  # to copy them would take too long
                self._data = self.layer.data
            self.layer.refresh()
        finally:
            self.writing = False

    def _without_step(self, data: Any) -> Any:  # noqa: ANN401
        if self.flat is None:
            return data
        return data[(*[slice(None)] * self.flat, 0)]


def _together(
    writes: Iterable[Write], shape: tuple[int, ...]
) -> Iterator[tuple[Sequence[NDArray[np.intp]], NDArray[Any]]]:
    """Yield indices and ids of successive writes, as many pixels at a time as fit.

    No pixel is twice in one part, since `data_setitem` compares with the ids before it.
    """
    parts: list[Write] = []
    pixels = 0
    for write in writes:
        parts.append(write)
        pixels += int(np.count_nonzero(write.changed))
        if pixels >= TOGETHER:
            yield _merged(parts, shape)
            parts, pixels = [], 0
    if parts:
        yield _merged(parts, shape)


def _merged(
    writes: Sequence[Write], shape: tuple[int, ...]
) -> tuple[Sequence[NDArray[np.intp]], NDArray[Any]]:
    """Return the indices of all pixels and their ids, after the last write of each."""
    if len(writes) == 1:
        return writes[0].indices, writes[0].ids
    columns = zip(*(write.indices for write in writes), strict=True)
    flat = np.ravel_multi_index([np.concatenate(c) for c in columns], shape)
    ids = np.concatenate([write.ids for write in writes])
    pixels, last = np.unique(flat[::-1], return_index=True)
    return np.unravel_index(pixels, shape), ids[::-1][last]
