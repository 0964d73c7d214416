"""3D display: the tool is switched off there, since a click has no depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_hqsam.viewer.canvas.connections import Connections
from napari_hqsam.viewer.tools import NO_TOOL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.viewer.canvas.scene import Scene

SAYS = "3D display is for looking. To click on objects, go back to 2D (Ctrl+Y)"


class Display3D:
    """Deactivates the tool in 3D, and activates it again in 2D.

    A click in 3D would lie anywhere along the line of sight.

    Parameters
    ----------
    scene : Scene
    """

    message = Signal(str)
    """What to do, when the user clicks in 3D."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._viewer = scene, scene.viewer
        self._tool_in_2d = NO_TOOL
        self._of_viewer = Connections()
        self._of_viewer.add(self._viewer.dims.events.ndisplay, self._on_ndisplay)
        self._viewer.mouse_drag_callbacks.append(self._on_press)

    @property
    def is_3d(self) -> bool:
        """Whether the viewer shows volumes."""
        return int(self._viewer.dims.ndisplay) == 3

    def close(self) -> None:
        """Disconnect from the viewer."""
        self._of_viewer.close()
        if self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)

    def _on_ndisplay(self, event: object) -> None:
        settings = self._scene.settings
        if self.is_3d:
            self._tool_in_2d, settings.tool = settings.tool, NO_TOOL
            for layer in (self._scene.points, self._scene.shapes):
                if layer is not None:
                    layer.mode = "pan_zoom"
        elif self._scene.image is not None and settings.tool == NO_TOOL:
            settings.tool = self._tool_in_2d

    def _on_press(self, viewer: Any, event: Any) -> Iterator[None]:  # noqa: ANN401
        """Emit the message on a click; a drag turns the volume."""
        yield
        moved = False
        while event.type == "mouse_move":
            moved = True
            yield
        if self.is_3d and not moved and self._scene.image is not None:
            self.message.emit(SAYS)
