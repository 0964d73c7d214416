"""Changes of the pixels that the network sees, and of their contrast limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_hqsam.viewer.canvas.connections import Connections

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image

    from napari_hqsam.viewer.state import Settings


class PixelChanges:
    """Watches the image and the layers that are its further channels.

    Contrast limits count only where they scale the grey values (`Settings.stretch`).

    Parameters
    ----------
    layers : LayerList
        All layers of the viewer.
    settings : Settings
    """

    replaced = Signal()
    """A layer has other data; before `changed`."""
    changed = Signal()
    """The network sees other pixels than before."""

    def __init__(self, layers: LayerList, settings: Settings) -> None:
        self._layers, self._settings = layers, settings
        self._image: Image | None = None
        self._of_viewer, self._of_images = Connections(), Connections()
        for emitter in (layers.events.inserted, layers.events.renamed):
            self._of_viewer.add(emitter, self._on_layers)
        settings.events.more_layers.connect(self._listen)

    def watch(self, image: Image | None) -> None:
        """Watch another image, or none."""
        self._image = image
        self._listen()

    def close(self) -> None:
        """Watch nothing any more."""
        self._settings.events.more_layers.disconnect(self._listen)
        self._of_viewer.close()
        self.watch(None)

    def _listen(self) -> None:
        self._of_images.close()
        if self._image is None:
            return
        names = self._settings.more_layers
        more = [self._layers[name] for name in names if name in self._layers]
        for layer in (self._image, *more):
            for emitter in (layer.events.data, layer.events.contrast_limits):
                self._of_images.add(emitter, self._on_pixels)

    def _on_layers(self, event: Any) -> None:  # noqa: ANN401
        self._listen()

    def _on_pixels(self, event: Any) -> None:  # noqa: ANN401
        if event.type == "data":
            self.replaced.emit()
        elif self._settings.stretch != "contrast limits":
            return
        self.changed.emit()
