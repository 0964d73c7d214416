"""The direction in which slices are scrolled, to predict the next ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.planes import layer_shape

if TYPE_CHECKING:
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.planes import PlaneView

AHEAD, BEHIND = 3, 1
"""Slices to encode ahead in the direction scrolled last, and in the other."""


class Scrolling:
    """Remembers which slider was moved last, and in which direction.

    Parameters
    ----------
    scene : Scene
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._last: PlaneView | None = None
        self._axis: int | None = None
        self._way = 1
        scene.image_changed.connect(self._on_image)
        scene.plane_changed.connect(self._on_plane)

    def next_slices(self, view: PlaneView) -> list[PlaneView]:
        """Return slices near one, the likeliest first: onward, then back.

        Along the axis scrolled last; if there was none, along the last axis.
        """
        scene = self._scene
        if scene.image is None:
            return []
        shape = layer_shape(scene.image)
        axes = view.leading(shape)
        if not axes:
            return []
        axis, way = axes[-1], 1
        if self._axis in axes:
            axis, way = self._axis, self._way
        steps = [*range(1, AHEAD + 1), *range(-1, -BEHIND - 1, -1)]
        return [
            view.moved(axis, way * n) for n in steps if _on(view, axis, way * n, shape)
        ]

    def _on_image(self) -> None:
        self._last = self._axis = None
        self._on_plane()

    def _on_plane(self) -> None:
        try:
            view = self._scene.view()
        except HqsamError:
            return
        last, self._last = self._last, view
        if last is None or last.axes != view.axes or last.ndim != view.ndim:
            self._axis = None
            return
        moves = [b - a for a, b in zip(last.position, view.position, strict=True)]
        moved = [axis for axis, move in enumerate(moves) if move]
        if len(moved) == 1:
            self._axis = moved[0]
            self._way = 1 if moves[moved[0]] > 0 else -1


def _on(view: PlaneView, axis: int, step: int, shape: tuple[int, ...]) -> bool:
    return 0 <= view.position[axis] + step < shape[axis]
