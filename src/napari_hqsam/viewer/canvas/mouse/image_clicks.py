"""Clicks on the image while the image itself is the active layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari.layers import Image

SLIP = 5
"""Screen pixels that the mouse may move in a click, as in napari's own tools."""


class ImageClicks:
    """Detects clicks on Image layers.

    Parameters
    ----------
    wanted : callable
        Whether clicks are prompts now.
    clicked : callable
        Gets the world position, and the modifier keys held at the press.
    """

    def __init__(
        self, wanted: Callable[[], bool], clicked: Callable[[Any, Any], None]
    ) -> None:
        self._wanted, self._clicked = wanted, clicked
        self._layers: tuple[Image, ...] = ()

    def listen_to(self, layers: Sequence[Image]) -> None:
        """Detect clicks on these layers, and on no others."""
        for layer in self._layers:
            if self._on_press in layer.mouse_drag_callbacks:
                layer.mouse_drag_callbacks.remove(self._on_press)
        self._layers = tuple(layers)
        for layer in self._layers:
            layer.mouse_drag_callbacks.append(self._on_press)

    def _on_press(self, image: Image, event: Any) -> Iterator[None]:  # noqa: ANN401
        """Report a click; a drag pans."""
        start = np.array(event.pos, float)
        modifiers = list(event.modifiers)
        is_click = event.button == 1 and self._wanted()
        yield
        while event.type == "mouse_move":
            yield
        if is_click and np.linalg.norm(np.array(event.pos) - start) < SLIP:
            self._clicked(event.position, modifiers)
