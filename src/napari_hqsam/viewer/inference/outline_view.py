"""Show the outline of the current object, or of the one under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_hqsam.masks.finishing import finish
from napari_hqsam.viewer.canvas import outline_layer
from napari_hqsam.viewer.canvas.prompts.reader import plane_size
from napari_hqsam.viewer.main_thread import timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.masks import Mask
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.inference.hover import Hover
    from napari_hqsam.viewer.inference.requests.request import Answer
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.state import CurrentObject

ZOOM_MS = 150
"""Debounce of zooming, before the line width is adapted."""


class OutlineView(QObject):
    """Draws the outline of the mask that is shown, finished as the settings say.

    Parameters
    ----------
    scene : Scene
    current : CurrentObject
    hover : Hover
    shown : callable
        Returns plane and answer that the current object comes from, if there is one.
    """

    def __init__(
        self,
        scene: Scene,
        current: CurrentObject,
        hover: Hover,
        shown: Callable[[], tuple[PlaneView, Answer] | None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._scene, self._settings = scene, scene.settings
        self._current, self._hover, self._shown = current, hover, shown
        self._zoom = timer(self, ZOOM_MS, self.draw)
        scene.zoomed.connect(self._on_zoom)
        for name in ("fill", "smooth"):
            getattr(self._settings.events, name).connect(self.draw)
        hover.changed.connect(self.draw)

    def draw(self) -> None:
        """Draw the outline of the current object, else of the one under the cursor."""
        scene = self._scene
        if scene.outline is None or scene.image is None:
            return
        mask, view, colour = self._current.mask, None, outline_layer.CURRENT_COLOUR
        dashed = bool(self._current.uncertainty)
        shown = self._shown()
        if mask is not None and shown is not None:
            view = shown[0]
        elif self._hover.found is not None:
            view, mask = self._hover.found
            colour, dashed = outline_layer.HOVER_COLOUR, False
        if view is None:
            outline_layer.show_nothing(scene.outline)
            return
        pixel = scene.viewport.pixel_size(scene.image, view)
        width = outline_layer.OUTLINE_PIXELS / pixel
        layer_view = view.in_layers
        if mask is not None:
            mask = self.finished(mask, view)
        outline_layer.show_outline(
            scene.outline, mask, layer_view, colour, width, dashed=dashed
        )

    def finished(self, mask: Mask, view: PlaneView) -> Mask:
        """Return a mask with holes filled and edge smoothed, as the settings say."""
        assert self._scene.image is not None
        size = plane_size(self._scene.image, view)
        fill, smooth = self._settings.fill, self._settings.smooth
        return finish(mask, fill=fill, smooth=smooth, size=size)

    def _on_zoom(self) -> None:
        if self._current.masks or self._hover.found is not None:
            self._zoom.start()

    def close(self) -> None:
        """Cancel what is scheduled."""
        self._zoom.stop()
