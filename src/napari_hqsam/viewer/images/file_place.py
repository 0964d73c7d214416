"""Offer the place of the pixels that the file of an image tells and its layer lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

from napari.layers import Labels
from psygnal import Signal

from napari_hqsam.geometry.units import unit_symbol
from napari_hqsam.viewer.axis_names import place_left_out
from napari_hqsam.viewer.canvas.layer_placing import agree, layer_affine, placement
from napari_hqsam.viewer.planes import layer_shape

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_hqsam.geometry import Space
    from napari_hqsam.viewer.canvas.scene import Scene


class FilePlace:
    """Asks whether to place an image as its file says.

    napari's own reader of TIFFs leaves that out, so that labels would be saved, and
    shown elsewhere, in pixels.

    Parameters
    ----------
    scene : Scene
    """

    question_changed = Signal()
    """`question` may return another text."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._declined: WeakSet[Layer] = WeakSet()
        scene.image_changed.connect(self.question_changed.emit)

    def question(self) -> str:
        """Return the question about the place of the image; "" if there is none."""
        image = self._scene.image
        if image is None or image in self._declined:
            return ""
        space = place_left_out(image)
        if space is None:
            return ""
        return f"The file of {image.name} has pixels of {_sizes(space)}. Use them?"

    def answer(self, *, use: bool) -> None:
        """Answer that question."""
        image = self._scene.image
        if image is not None:
            self._declined.add(image)
            space = place_left_out(image)
            if use and space is not None:
                self._place(image, space)
        self.question_changed.emit()

    def _place(self, image: Layer, space: Space) -> None:
        """Place an image, its further channels, and the labels that lie on it."""
        shape, before = layer_shape(image)[: image.ndim], layer_affine(image)
        labels = [
            layer
            for layer in self._scene.viewer.layers
            if isinstance(layer, Labels)
            and layer.ndim == image.ndim
            and agree(layer_affine(layer), before, shape)
        ]
        for channel in self._scene.channels or (image,):
            if place_left_out(channel) is not None:
                _set(channel, space.to_napari())
        for layer in labels:
            _set(layer, placement(image, self._scene.channel_axis))
        self._scene.viewer.reset_view()  # it would be a dot, or far outside


def _set(layer: Layer, place: dict[str, object]) -> None:
    # The units first: napari 0.9 slices by those of before until a scale is set.
    for name in ("units", *(name for name in place if name != "units")):
        setattr(layer, name, place[name])


def _sizes(space: Space) -> str:
    """Return the size of a pixel along each axis where it is known, for people."""
    units = dict(zip(space.axes, space.units, strict=True))
    found = []
    for letter, size in space.sizes.items():
        unit = units[letter]
        found.append(f"{letter} {size:.4g}" + (f" {unit_symbol(unit)}" if unit else ""))
    return ", ".join(found)
