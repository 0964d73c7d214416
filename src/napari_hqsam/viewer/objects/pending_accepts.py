"""Wait for accepted objects before their labels are released."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_hqsam.errors import OutputError
from napari_hqsam.viewer.main_thread import notify

if TYPE_CHECKING:
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.session.controller import SessionController

PATIENCE = 5.0
"""Seconds that closing, or another image, waits at most for what was accepted."""


class PendingAccepts:
    """Waits for accepted objects before the image is left or the widget closed.

    Parameters
    ----------
    controller : InferenceController
        Its worker makes the masks.
    sessions : SessionController
    """

    def __init__(
        self, controller: InferenceController, sessions: SessionController
    ) -> None:
        self._scene, self._sessions = controller.scene, sessions
        self._worker, self._to_main = controller.worker, controller.to_main
        self._scene.image_leaving.connect(self._on_leaving)

    def finish(self) -> None:
        """Wait until accepted objects are in the labels, at most for `PATIENCE`."""
        end = time.monotonic() + PATIENCE
        while self._worker.has("accept") or self._sessions.opener.awaited:
            if time.monotonic() > end:
                notify(
                    OutputError("the last object was accepted too late, and is lost")
                )
                return
            time.sleep(0.005)
            self._to_main.catch_up()

    def _on_leaving(self) -> None:
        target, there = self._sessions.target, self._scene.viewer.layers
        if self._scene.image in there or (target is not None and target.layer in there):
            self.finish()
        elif self._worker.has("accept"):
            notify(
                OutputError(
                    "the last object is lost: its image was left before it was found"
                )
            )
