"""React to another plane, image, data or contrast limits: ask for new masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.tools import NO_TOOL

if TYPE_CHECKING:
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.planes import PlaneView


class SceneChanges:
    """Requests new masks, drops old ones, and prepares for the next click.

    Parameters
    ----------
    controller : InferenceController
    """

    def __init__(self, controller: InferenceController) -> None:
        self._controller, self._scene = controller, controller.scene
        self._settings = controller.settings
        self._view: PlaneView | None = None
        scene, events = self._scene, self._settings.events
        scene.plane_changed.connect(self._on_plane)
        scene.image_changed.connect(self._on_image)
        scene.data_changed.connect(self._on_data)
        for name in ("stretch", "channels", "more_layers", "model", "device"):
            getattr(events, name).connect(self._on_data)
        for name in ("output", "scale", "clean"):
            getattr(events, name).connect(controller.predict_soon)
        events.channel_axis.connect(self._on_channel_axis)
        events.hover.connect(controller.hover.clear)

    def _on_plane(self) -> None:
        try:
            view = self._scene.view()
        except HqsamError:
            view = None
        if view == self._view:
            return  # napari emits events of the sliders also when a layer grows
        self._view = view
        self._controller.hover.clear()
        if view is not None:
            self._controller.predict_soon()

    def _on_image(self) -> None:
        self._view = None
        self._controller.forget_image()
        if self._scene.image is None:
            self._settings.tool = NO_TOOL
        else:
            self._controller.warmup.prepare()

    def _on_data(self) -> None:
        controller, current = self._controller, self._controller.current
        controller.warmup.pause()
        controller.hover.clear()
        if current.masks or current.waiting:
            controller.predict_soon()
        else:
            controller.warmup.prepare()

    def _on_channel_axis(self) -> None:
        """Make the layers of prompts anew: they have other axes now."""
        tool = self._settings.tool
        self._scene.layers.remove()
        self._controller.clear_current()
        if self._scene.image is not None:
            self._scene.use_tool(tool)
        self._on_data()
