"""Keep the tool in the settings and napari's layer mode the same, both ways."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.main_thread import DeferredCall, notify
from napari_hqsam.viewer.tools import CLICK, NO_TOOL

if TYPE_CHECKING:
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.state import Settings


class ToolSync(QObject):
    """Activates the tool of the settings, and notes what napari's own buttons change.

    Parameters
    ----------
    scene : Scene
    settings : Settings
    """

    def __init__(self, scene: Scene, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self._scene, self._settings = scene, settings
        self._last_tool = CLICK.name
        self.ready_for_layers = False
        """Whether own layers can be made quickly."""
        self._sync_soon = DeferredCall(self, self._sync_from_mouse)
        scene.tool_changed.connect(self._sync_soon.start)
        settings.events.tool.connect(self._on_tool)
        settings.events.negative.connect(self._on_sign)

    def activate(self) -> None:
        """Activate the tool of the settings; without one, the last one."""
        tool = self._settings.tool
        tool = self._last_tool if tool == NO_TOOL else tool
        try:
            self._scene.use_tool(tool)
        except HqsamError as error:
            notify(error)
            tool = NO_TOOL
        self._settings.tool = tool

    def activate_first(self) -> None:
        """Activate a tool for an image that was just opened."""
        if self.ready_for_layers and self._scene.image is not None:
            self.activate()

    def _on_tool(self, tool: str) -> None:
        if tool != NO_TOOL:
            self._last_tool = tool
            if tool != self._scene.active_tool():
                self.activate()

    def _sync_from_mouse(self) -> None:
        """Set the tool of the settings to what the mouse does.

        Called after the present event: napari activates a layer only after the event
        that it was inserted.
        """
        lacking = self._scene.image is not None and not self._scene.layers.complete
        if self._settings.tool != NO_TOOL and lacking:
            # Deleted by the user; without the layer the tool could not be used again.
            with suppress(HqsamError):
                if self._settings.tool == self._scene.active_tool():
                    self._scene.ensure_layers()  # the image stays the active layer
                else:
                    self._scene.use_tool(self._settings.tool)
        self._settings.tool = self._scene.active_tool()

    def _on_sign(self) -> None:
        self._scene.prompts.set_sign(negative=self._settings.negative)

    def close(self) -> None:
        """Cancel what is scheduled."""
        self._sync_soon.stop()
