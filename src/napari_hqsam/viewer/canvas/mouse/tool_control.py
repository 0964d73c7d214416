"""Activate tools, and find the active one by napari's active layer and its mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.viewer.tools import CLICK, NO_TOOL, TOOLS, Tool

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_hqsam.viewer.canvas.own_layers import OwnLayers
    from napari_hqsam.viewer.state import Settings
    from napari_hqsam.viewer.tools.tool import LayerName


class ToolControl:
    """Activates tools, and finds the active one.

    Parameters
    ----------
    viewer : Viewer
    layers : OwnLayers
    settings : Settings
    """

    def __init__(self, viewer: Viewer, layers: OwnLayers, settings: Settings) -> None:
        self._viewer, self._settings = viewer, settings
        self._prompts = layers.prompts

    def use(self, tool: Tool) -> None:
        """Activate the layer of a tool in the tool's mode; the layers must exist."""
        points, shapes = self._prompts.points, self._prompts.shapes
        assert points is not None
        assert shapes is not None
        own = {"points": points, "shapes": shapes}
        counts = {name: len(layer.data) for name, layer in own.items()}
        layer = own[tool.choose_layer(self._active_layer(), counts)]
        layer.visible = True
        self._viewer.layers.selection.active = layer
        layer.mode = tool.mode
        self._prompts.set_sign(negative=self._settings.negative)

    def active(self, channels: Iterable[Image]) -> str:
        """Return the name of the active tool.

        While the image itself is the active layer, the point tool stays active if it
        was before: so the contrast of the image can be set in between.

        Parameters
        ----------
        channels : iterable of Image
            Layers of the image that is worked on.
        """
        active = self._viewer.layers.selection.active
        if active is None or not active.visible:
            return NO_TOOL
        if any(active == layer for layer in channels):
            pans = str(active.mode) == "pan_zoom"
            clicks = pans and self._settings.tool == CLICK.name
            return CLICK.name if clicks else NO_TOOL
        name, mode = self._active_layer(), str(active.mode)
        if name is None:
            return NO_TOOL
        found = (tool.name for tool in TOOLS.values() if tool.is_active(name, mode))
        return next(found, NO_TOOL)

    def _active_layer(self) -> LayerName | None:
        """Return which of the layers of prompts is active."""
        active = self._viewer.layers.selection.active
        if active is not None and active == self._prompts.points:
            return "points"
        return (
            "shapes" if active is not None and active == self._prompts.shapes else None
        )
