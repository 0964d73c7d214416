"""Choice of a layer, kept up to date with the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer

    from napari_hqsam.viewer.canvas.scene import Scene


class LayerBox(QComboBox):
    """Choice among the layers of some kinds.

    Parameters
    ----------
    scene : Scene
    kinds : tuple of str
        Such as "Image".
    tip : str
    first : str
        Entry that stands for no layer; "" for none.
    skip : callable, optional
        Which layers not to offer.
    """

    def __init__(
        self,
        scene: Scene,
        kinds: tuple[str, ...],
        tip: str,
        *,
        first: str = "",
        skip: Callable[[Layer], bool] = lambda _: False,
    ) -> None:
        super().__init__()
        self._viewer, self._kinds = scene.viewer, kinds
        self._first, self._skip = first, skip
        self.setToolTip(tip)
        self.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.setMinimumContentsLength(4)
        scene.layers_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """List the layers anew; the one chosen stays so."""
        chosen = self.layer
        with QSignalBlocker(self):
            self.clear()
            if self._first:
                self.addItem(self._first, None)
            for layer in reversed(self._viewer.layers):
                if _is_kind(layer, self._kinds) and not self._skip(layer):
                    self.addItem(layer.name, layer)
            self.show_layer(chosen)

    def show_layer(self, layer: Layer | None) -> None:
        """Choose a layer, without telling anybody."""
        with QSignalBlocker(self):
            for i in range(self.count()):
                if self.itemData(i) == layer:
                    self.setCurrentIndex(i)
                    return
            self.setCurrentIndex(0 if self._first else -1)

    @property
    def layer(self) -> Layer | None:
        """The one chosen."""
        found: Layer | None = self.currentData()
        return found


def _is_kind(layer: Layer, kinds: tuple[str, ...]) -> bool:
    from napari import layers

    return isinstance(layer, tuple(getattr(layers, k.capitalize()) for k in kinds))
