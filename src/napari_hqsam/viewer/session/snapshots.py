"""A consistent copy of labels, made in the background while the user paints on.

The worker copies all of them; boxes that were painted meanwhile are copied again at the
end, on the main thread: they are small, and nothing is painted while it is busy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import QApplication

from napari_hqsam.viewer.canvas.connections import Connections
from napari_hqsam.viewer.main_thread import timer
from napari_hqsam.worker import Priority, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_hqsam.viewer.session.target.layer_target import LayerTarget

STROKE_MS = 20
"""Interval of looking whether a brush stroke has ended."""
AT_ONCE = 2**22
"""Pixels that the main thread copies at most, which takes a few milliseconds."""


class Snapshot(QObject):
    """A copy of labels without half an edit in it; begun by the constructor.

    Parameters
    ----------
    target : LayerTarget
    worker : Worker
        Where labels are copied.
    done, failed : callable
        Get the copy, or what went wrong, on the main thread.
    parent : QObject
    """

    def __init__(
        self,
        target: LayerTarget,
        worker: Worker,
        done: Callable[[NDArray[Any]], None],
        failed: Callable[[Exception], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._target, self._worker = target, worker
        self._strokes_of = target.history.strokes_of
        self._done, self._failed = done, failed
        self._changed: list[tuple[slice, ...]] = []
        self._unknown = False  # whether anything changed at unknown pixels
        self._later = timer(self, STROKE_MS, lambda: self._complete())
        self._copy: NDArray[Any] | None = None
        self._of_layer = Connections()
        self._of_layer.add(target.layer.events.paint, self._on_paint)
        self._of_layer.add(target.history.undone, self._on_undone)
        self._take()

    def _take(self) -> None:
        self._changed.clear()
        self._unknown = False
        self._whole, self._data = self._target.layer.data, self._target.array
        self._worker.submit(
            Priority.BATCH,
            "snapshot",
            lambda _: _copied(self._data),
            self._on_copy,
            self._on_failure,
            replace=False,
        )

    def _on_copy(self, copy: NDArray[Any]) -> None:
        self._copy = copy
        self._complete()

    def _on_failure(self, error: Exception) -> None:
        self._end()
        self._failed(error)

    def _complete(self) -> None:
        """Copy again what was painted meanwhile; start anew if that is too much."""
        assert self._copy is not None
        if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._later.start()  # somebody may be painting
            return
        sizes = [[s.stop - s.start for s in box] for box in self._changed]
        replaced = self._target.layer.data is not self._whole
        if replaced or self._unknown or sum(map(math.prod, sizes)) > AT_ONCE:
            self._take()
            return
        for box in self._changed:
            self._copy[box] = self._data[box]
        self._end()
        self._done(self._copy)

    def _end(self) -> None:
        self._of_layer.close()
        self.deleteLater()

    def _on_paint(self, event: Any) -> None:  # noqa: ANN401
        """Note where labels were changed, by the widget or by napari's own tools."""
        try:
            self._changed += [_box(s.indices) for s in self._strokes_of(event.value)]
        except (ValueError, TypeError, IndexError):
            self._unknown = True

    def _on_undone(self) -> None:
        self._unknown = True


def _copied(data: Any) -> NDArray[Any]:  # noqa: ANN401 - numpy, zarr or another
    return data.copy() if isinstance(data, np.ndarray) else np.asarray(data[...])


def _box(indices: tuple[Any, ...]) -> tuple[slice, ...]:
    """Return the bounding box of pixels given by their indices."""
    return tuple(slice(int(np.min(i)), int(np.max(i)) + 1) for i in indices)
