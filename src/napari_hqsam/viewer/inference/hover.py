"""Hover: the mask of the object under the resting cursor, after a debounce."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError
from napari_hqsam.prompts import Prompt
from napari_hqsam.viewer.main_thread import timer
from napari_hqsam.viewer.tools import CLICK
from napari_hqsam.worker import Priority, Worker

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_hqsam.masks import Mask
    from napari_hqsam.viewer.inference.engine import Engine
    from napari_hqsam.viewer.inference.requests.builder import RequestBuilder
    from napari_hqsam.viewer.inference.requests.request import Answer, Request
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.state import CurrentObject

DEBOUNCE_MS = 120
"""How long the cursor must rest before the object under it is outlined."""
logger = logging.getLogger(__name__)


class Hover(QObject):
    """Finds the object under the cursor, if no tile must be encoded for that.

    Parameters
    ----------
    requests : RequestBuilder
    current : CurrentObject
        While there is one, hover is off.
    worker : Worker
    engine : Engine
    """

    changed = Signal()
    missed = Signal(object)
    """A request whose tile is not encoded yet."""

    def __init__(
        self,
        requests: RequestBuilder,
        current: CurrentObject,
        worker: Worker,
        engine: Engine,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._requests, self._current = requests, current
        self._worker, self._engine = worker, engine
        self.found: tuple[PlaneView, Mask] | None = None
        """Plane and mask of the object under the cursor."""
        self.debounce = timer(self, DEBOUNCE_MS, self._submit_request)
        viewer = requests.scene.viewer
        viewer.mouse_move_callbacks.append(self._on_move)

    def clear(self) -> None:
        """Drop the mask and cancel the request."""
        self.debounce.stop()
        self._worker.cancel("hover")
        if self.found is not None:
            self.found = None
            self.changed.emit()

    def close(self) -> None:
        """Disconnect from the mouse."""
        self.debounce.stop()
        callbacks = self._requests.scene.viewer.mouse_move_callbacks
        if self._on_move in callbacks:
            callbacks.remove(self._on_move)

    def _on_move(self, viewer: Viewer, event: Any) -> None:  # noqa: ANN401
        settings = self._requests.settings
        if not settings.hover or settings.tool != CLICK.name:
            return
        if getattr(event, "is_dragging", False) or self._current.masks:
            return
        if self.found is not None:
            at = self._requests.scene.cursor()
            if at is None or not covers(self.found[1], at[1]):
                self.clear()
        self.debounce.start()

    def _submit_request(self) -> None:
        scene, current = self._requests.scene, self._current
        at = scene.cursor()
        if at is None or current.masks or current.waiting:
            return
        if scene.active_tool() != CLICK.name:
            return
        view, point = at
        if self.found is not None and covers(self.found[1], point):
            return
        try:
            request = self._requests.request(view, Prompt([point]))
        except HqsamError:
            return
        self._worker.submit(
            Priority.HOVER,
            "hover",
            lambda _: self._engine.answer_if_quick(request),
            lambda answer: self._on_answer(view, request, answer),
            lambda error: logger.debug("hover: %s", error),
        )

    def _on_answer(
        self, view: PlaneView, request: Request, answer: Answer | None
    ) -> None:
        if answer is None:
            self.missed.emit(request)
        elif not self._current.masks and not self._current.waiting:
            self.found = view, answer.masks[0]
            self.changed.emit()


def covers(mask: Mask, point: tuple[float, float]) -> bool:
    """Whether a mask contains a plane position."""
    y, x = (int(np.floor(v + 0.5)) for v in point)
    y0, x0, y1, x1 = mask.bbox
    return y0 <= y < y1 and x0 <= x < x1 and bool(mask.data[y - y0, x - x0])
