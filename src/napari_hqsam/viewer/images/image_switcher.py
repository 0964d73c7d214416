"""Choose the image to work on: the one just opened, or made the active layer.

Prompts on an image are kept while another one is worked on.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.viewer.canvas.channels import (
    channel_axis,
    channels_of,
    is_image,
    overlap,
)
from napari_hqsam.viewer.canvas.connections import Connections
from napari_hqsam.viewer.images.image_state import ImageState
from napari_hqsam.viewer.main_thread import timer
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.tools import CLICK

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.session.controller import SessionController

SETTLE_MS = 30
"""Delay between a layer inserted or made active and the choice of the image."""
_OPAQUE = 0.9
"""Opacity from which on an image hides what is below it."""


class ImageSwitcher(QObject):
    """Chooses the image in use, and keeps the prompts of the others.

    Parameters
    ----------
    controller : InferenceController
    sessions : SessionController
    """

    message = Signal(str)
    """What the user should know about the choice of the image."""
    question_changed = Signal()
    """`question` may return another text."""

    def __init__(
        self, controller: InferenceController, sessions: SessionController
    ) -> None:
        super().__init__(controller)
        self._controller, self._sessions = controller, sessions
        self._scene, self._viewer = controller.scene, controller.viewer
        self._current = controller.current
        self._new: list[Image] = []
        # By the id of the layer, as long as it is in the viewer.
        self._states: dict[int, ImageState] = {}
        self._soon = timer(self, SETTLE_MS, self._choose)
        self._connections = Connections()
        events = self._viewer.layers.events
        self._connections.add(events.inserted, self._on_inserted)
        self._connections.add(events.removed, self._on_removed)
        active = self._viewer.layers.selection.events.active
        self._connections.add(active, self._on_active)
        self._scene.image_leaving.connect(self._store)

    @property
    def deciding(self) -> bool:
        """Whether an image may be chosen soon."""
        return self._soon.isActive()

    def close(self) -> None:
        """Disconnect from the viewer."""
        self._soon.stop()
        self._connections.close()

    def begin(self) -> None:
        """Work on the image that is there, or wait for the first."""
        active = self._viewer.layers.selection.active
        there = [active, *reversed(self._viewer.layers)]
        image = next((layer for layer in there if is_image(layer)), None)
        if image is not None:
            self.work_on(image)

    # --- which image -------------------------------------------------------------

    def work_on(self, image: Image | None) -> None:
        """Use an image, with the prompts that it had before.

        If it is a channel of several layers, they are used together.
        """
        scene, settings = self._scene, self._controller.settings
        if image is None or image in scene.channels:
            return
        channels = channels_of(image, self._viewer.layers)
        first = channels[0]
        state = self._states.get(id(first))
        if state is None:
            found = channel_axis(first)
            more = tuple(layer.name for layer in channels[1:3])
            state = ImageState(found.axis, found.named, more_layers=more)
            self._states[id(first)] = state
        if scene.image is not None:
            scene.use(None)
        state.restore_settings(scene)
        scene.use(first)
        self._uncover(first)
        if state.restore_prompts(scene, self._current):
            self._controller.predict_soon()
        if self._controller.tools.ready_for_layers and image == self._active():
            settings.tool = CLICK.name  # works while the image is the active layer
        self.question_changed.emit()

    def _active(self) -> Any:  # noqa: ANN401
        return self._viewer.layers.selection.active

    def _choose(self) -> None:
        """Choose among the layers that were inserted or made active."""
        if _napari_is_opening():
            self._soon.start()
            return
        there = self._viewer.layers
        new = [layer for layer in self._new if layer in there]
        self._new.clear()
        images: list[list[Image]] = []
        for layer in new:
            if not any(layer in channels for channels in images):
                images.append(channels_of(layer, there))
        if images:
            self.work_on(images[0][0])
            self._controller.tools.activate_first()
            if len(images) > 1:
                self.message.emit(
                    f"{len(images)} images were opened; this is the first of them. "
                    "Click on another one in the layer list to go on with it"
                )
            return
        active = self._active()
        if self._scene.image is None:
            self.begin()
            self._controller.tools.activate_first()
            return
        image = (
            self._sessions.inactive.image_of(active) if not is_image(active) else active
        )
        if image is not None and image in there:
            image.visible = True
            self.work_on(image)

    def _uncover(self, image: Image) -> None:
        """Hide other images above an image, so that the visible one is segmented."""
        image.visible = True
        above = list(self._viewer.layers)[self._viewer.layers.index(image) + 1 :]
        for layer in above:
            if not is_image(layer) or layer in self._scene.channels:
                continue
            hides = str(layer.blending) != "additive" and layer.opacity >= _OPAQUE
            if layer.visible and hides and overlap(layer, image):
                layer.visible = False

    def _on_inserted(self, event: Any) -> None:  # noqa: ANN401
        if is_image(event.value):
            self._new.append(event.value)
            self._soon.start()

    def _on_removed(self, event: Any) -> None:  # noqa: ANN401
        self._states.pop(id(event.value), None)
        if self._scene.image is None:
            self._soon.start()

    def _on_active(self, event: Any) -> None:  # noqa: ANN401
        layer = event.value
        if (
            layer is None
            or layer in self._scene.channels
            or self._scene.is_own_layer(layer)
        ):
            return
        if is_image(layer) or self._sessions.inactive.image_of(layer) is not None:
            self._soon.start()

    # --- the channel axis ----------------------------------------------------------

    def question(self) -> str:
        """Return the question about the channel axis of the image; "" if none."""
        image = self._scene.image
        state = None if image is None else self._states.get(id(image))
        if (
            image is None
            or state is None
            or state.answered
            or state.channel_axis is None
        ):
            return ""
        axis = state.channel_axis
        count = layer_shape(image)[axis]
        return f"Axis {axis} has {count} steps, taken for channels. Are they?"

    def answer(self, *, channels: bool) -> None:
        """Answer that question."""
        image = self._scene.image
        if image is not None:
            state = self._states[id(image)]
            state.answered = True
            if not channels:
                self._controller.settings.channel_axis = None
            self.question_changed.emit()

    # --- prompts -----------------------------------------------------------------

    def _store(self) -> None:
        """Keep the prompts of the image that is left."""
        state = self._states.get(id(self._scene.image))
        if state is not None:
            state.store(self._scene, self._current)


def _napari_is_opening() -> bool:
    """Whether this is called while napari opens files.

    Its progress bar lets events happen between two files, so that the first would
    be taken for the only one.
    """
    frame = sys._getframe()
    above = frame.f_back
    while above is not None:
        if above.f_globals.get("__name__") == "napari.components.viewer_model":
            return True
        above = above.f_back
    return False
