"""Works on the image that the user looks at.

That is an image that was just opened, or that the user made the active layer. What
is being prompted on an image is kept while another one is worked on.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.viewer.canvas.channels import (
    channel_axis,
    channels_of,
    is_image,
    overlap,
)
from napari_hqsam.viewer.canvas.connections import Connections
from napari_hqsam.viewer.canvas.prompts import layers as prompt_layers
from napari_hqsam.viewer.main_thread import timer
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.tools import CLICK

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.session.controller import SessionController
    from napari_hqsam.viewer.state import Settings

SETTLE_MS = 30
"""How long after a layer came, or became active, it is looked at."""
_OPAQUE = 0.9
"""Opacity from which on an image hides what is below it."""


@dataclass
class ImageState:
    """What is remembered of an image while another one is worked on.

    Attributes
    ----------
    axis : int or None
        Data axis that holds channels.
    answered : bool
        Whether the user need not be asked about that axis any more.
    channels, more_layers : tuple
        As in the settings.
    points, shapes : list
        Prompts with their signs: (position, sign), (vertices, kind, sign).
    label_id, opened_on, chosen
        As in the current object.
    """

    axis: int | None = None
    answered: bool = True
    channels: tuple[int, ...] = ()
    more_layers: tuple[str, ...] = ()
    points: list[tuple[Any, str]] = field(default_factory=list)
    shapes: list[tuple[Any, str, str]] = field(default_factory=list)
    label_id: int | None = None
    opened_on: Any = None
    chosen: int = 0


class ImageSwitcher(QObject):
    """Chooses the image, and keeps what was done on the others.

    Parameters
    ----------
    controller : InferenceController
    sessions : SessionController
    """

    message = Signal(str)
    """Which image is worked on, where that may surprise."""
    question_changed = Signal()
    """Whether there is a question about channels has changed."""

    def __init__(
        self, controller: InferenceController, sessions: SessionController
    ) -> None:
        super().__init__(controller)
        self._controller, self._sessions = controller, sessions
        self._scene, self._viewer = controller.scene, controller.viewer
        self._new: list[Image] = []
        self._states: dict[
            int, ImageState
        ] = {}  # by the id of the layer, while it is there
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
        """Choose no image any more."""
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
        """Work on an image, with all that was done on it before.

        One of several channels stands for all of them.
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
            state = ImageState(found.axis, found.sure, more_layers=more)
            self._states[id(first)] = state
        if scene.image is not None:
            scene.use(None)
        settings.channel_axis = state.axis
        settings.channels, settings.more_layers = state.channels, state.more_layers
        scene.use(first)
        self._uncover(first)
        self._restore_prompts(state)
        if self._controller.tools.ready_for_layers and image == self._active():
            settings.tool = CLICK.name  # works while the image is the active layer
        self.question_changed.emit()

    def _active(self) -> Any:  # noqa: ANN401
        return self._viewer.layers.selection.active

    def _choose(self) -> None:
        """Look at what came or became active, now that that is over."""
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
        image = self._sessions.image_of(active) if not is_image(active) else active
        if image is not None and image in there:
            image.visible = True
            self.work_on(image)

    def _uncover(self, image: Image) -> None:
        """Hide other images that hide an image: what is seen is what is segmented."""
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
        if is_image(layer) or self._sessions.image_of(layer) is not None:
            self._soon.start()

    # --- the channel axis ----------------------------------------------------------

    def question(self) -> str:
        """Return what the user is to be asked about the axes of the image, or ""."""
        image = self._scene.image
        state = None if image is None else self._states.get(id(image))
        if image is None or state is None or state.answered or state.axis is None:
            return ""
        count = layer_shape(image)[state.axis]
        return f"Axis {state.axis} has {count} steps, taken for channels. Are they?"

    def answer(self, *, channels: bool) -> None:
        """Take the answer to that question."""
        image = self._scene.image
        if image is not None:
            state = self._states[id(image)]
            state.answered = True
            if not channels:
                self._controller.settings.channel_axis = None
            self.question_changed.emit()

    # --- prompts -----------------------------------------------------------------

    def _store(self) -> None:
        """Remember the prompts of the image that is left."""
        scene, settings = self._scene, self._controller.settings
        state = self._states.get(id(scene.image))
        if state is None:
            return
        current = self._controller.current
        state.axis, state.channels = settings.channel_axis, settings.channels
        state.more_layers = settings.more_layers
        state.label_id, state.opened_on = current.label_id, current.opened_on
        state.chosen = current.chosen
        state.points, state.shapes = [], []
        if scene.points is not None:
            signs = scene.points.features[prompt_layers.SIGN]
            state.points = list(zip(np.array(scene.points.data), signs, strict=True))
        if scene.shapes is not None:
            signs = scene.shapes.features[prompt_layers.SIGN]
            kinds = scene.shapes.shape_type
            state.shapes = list(zip(scene.shapes.data, kinds, signs, strict=True))

    def _restore_prompts(self, state: ImageState) -> None:
        """Lay prompts again that were left on the image."""
        if not state.points and not state.shapes:
            return
        scene, current = self._scene, self._controller.current
        points, shapes, _ = scene.ensure_layers()
        with scene.prompts.blocked():
            for place, sign in state.points:
                scene.prompts.set_sign(negative=sign == prompt_layers.NEGATIVE)
                points.add(place)
            for vertices, kind, sign in state.shapes:
                scene.prompts.set_sign(negative=sign == prompt_layers.NEGATIVE)
                shapes.add(vertices, shape_type=kind)
            points.selected_data = shapes.selected_data = set()
            scene.prompts.set_sign(negative=self._settings.negative)
        current.label_id, current.chosen = state.label_id, state.chosen
        current.opened_on = state.opened_on
        self._controller.predict_soon()

    @property
    def _settings(self) -> Settings:
        return self._controller.settings


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
