"""Warm-up: load the model and encode tiles while the user does nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError
from napari_hqsam.prompts import Prompt
from napari_hqsam.viewer.canvas.scroll_direction import Scrolling
from napari_hqsam.viewer.main_thread import timer
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.worker import Priority, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.viewer.inference.engine import Engine
    from napari_hqsam.viewer.inference.requests.builder import RequestBuilder
    from napari_hqsam.viewer.inference.requests.request import Request
    from napari_hqsam.worker import Ticket

BEGIN_MS = 50
"""Delay between a new image and the first encoding."""
IDLE_MS = 1200
"""Idle time before tiles are encoded ahead."""
logger = logging.getLogger(__name__)


class Warmup(QObject):
    """Loads the model before the first click, and encodes tiles before the next.

    Parameters
    ----------
    requests : RequestBuilder
    worker : Worker
    engine : Engine
    """

    def __init__(
        self, requests: RequestBuilder, worker: Worker, engine: Engine, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._requests, self._worker, self._engine = requests, worker, engine
        self._scrolling = Scrolling(requests.scene)
        self._next: Request | None = None
        self.soon = timer(self, BEGIN_MS, self._begin)
        self.idle = timer(self, IDLE_MS, self._encode_around)

    def prepare(self) -> None:
        """Load the model and encode the middle of the view, soon."""
        self.soon.start()

    def go_on_from(self, request: Request) -> None:
        """Encode what is near a request, after some idle time.

        Not at once: an encoder would slow down the decoder of the next click.
        """
        self._next = request
        self.idle.start()

    def pause(self) -> None:
        """Stop encoding ahead: the worker is needed for something else."""
        self.idle.stop()
        self._worker.cancel("ahead")
        self._engine.cancel_prefetch()

    def close(self) -> None:
        """Stop, and start nothing more."""
        self.soon.stop()
        self.pause()

    def _begin(self) -> None:
        try:
            view = self._requests.scene.view()
            image = self._requests.scene.image
            assert image is not None
            middle = self._requests.scene.viewport.middle(image, view)
            last = np.array(layer_shape(image)) - 1
            y, x = view.to_plane(np.clip(middle, 0, last))[0]
            request = self._requests.request(view, Prompt([(float(y), float(x))]))
        except HqsamError:
            return
        self._submit(lambda ticket: self._engine.warm_up(request, ticket.check))

    def _encode_around(self) -> None:
        request, self._next = self._next, None
        if request is not None:
            slices = self._next_slices(request)
            self._submit(
                lambda ticket: self._engine.encode_around(request, ticket.check, slices)
            )

    def _next_slices(self, request: Request) -> list[tuple[int, ...]]:
        """Return the slices likely to be next, if the request is on the one shown."""
        scene = self._requests.scene
        try:
            view = scene.view()
        except HqsamError:
            return []
        assert scene.image is not None
        shape = layer_shape(scene.image)
        if view.index(shape) != request.plane:
            return []
        return [v.index(shape) for v in self._scrolling.next_slices(view)]

    def _submit(self, work: Callable[[Ticket], None]) -> None:
        if self._requests.settings.prefetch and not self._worker.synchronous:
            self._worker.submit(
                Priority.PREFETCH,
                "ahead",
                work,
                lambda _: None,
                lambda error: logger.debug("ahead: %s", error),
            )
