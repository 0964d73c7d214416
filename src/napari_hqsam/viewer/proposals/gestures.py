"""The mouse on the layer of proposals: a click, a box or a stroke of the brush."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.canvas import outline_layer
from napari_hqsam.viewer.canvas.mouse.image_clicks import SLIP
from napari_hqsam.viewer.canvas.prompts.signs import COLOURS, NEGATIVE, POSITIVE
from napari_hqsam.viewer.world import to_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_hqsam.masks.layered import LayeredMasks
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.proposals.state import ProposalState, ReviewTool

INSIDE = 0.5
"""Share of the pixels of a proposal above which it is inside a box."""


class ProposalMouse:
    """Turns what the mouse does on the layer into gestures.

    Parameters
    ----------
    scene : Scene
    state : ProposalState
    made : callable
        Gets the tool, the (n, 2) positions on the plane, and whether Shift was held.
    ended : callable
        Called when a line that was drawn has to go.
    """

    def __init__(
        self,
        scene: Scene,
        state: ProposalState,
        made: Callable[[ReviewTool, NDArray[np.float64], bool], None],
        ended: Callable[[], None],
    ) -> None:
        self._scene, self._state = scene, state
        self._made, self._ended = made, ended
        state.events.tool.connect(self.set_pan)

    def listen(self) -> None:
        """Listen to the layer, which was just made."""
        layer = self._scene.layers.proposals.layer
        assert layer is not None
        layer.mouse_drag_callbacks.append(self._on_press)
        self.set_pan()

    def set_pan(self) -> None:
        """Let a drag pan, or not, as the tool wants."""
        layer = self._scene.layers.proposals.layer
        if layer is not None:
            layer.mouse_pan = self._state.tool == "click"

    def _on_press(self, layer: Any, event: Any) -> Iterator[None]:  # noqa: ANN401
        """Collect the positions of a drag until the button is released."""
        try:
            view = self._scene.view()
        except HqsamError:
            return
        if event.button != 1 or not layer.visible:
            return
        tool, negative = self._state.tool, "Shift" in event.modifiers
        start, slipped = np.array(event.pos, float), 0.0
        points = [self._position(view, event)]
        yield
        while event.type == "mouse_move":
            slipped = max(slipped, float(np.linalg.norm(event.pos - start)))
            points.append(self._position(view, event))
            if tool != "click":
                self._draw(tool, view, np.array(points), negative)
            yield
        self._ended()
        if slipped < SLIP:
            self._made("click", np.array(points[:1]), negative)
        elif tool != "click":
            self._made(tool, np.array(points), negative)

    def _position(self, view: PlaneView, event: Any) -> NDArray[np.float64]:  # noqa: ANN401
        """Return the (y, x) position of an event on the plane."""
        image = self._scene.image
        assert image is not None
        data = to_data(image, event.position, self._scene.viewer.dims)
        yx: NDArray[np.float64] = view.to_plane(data)[0]
        return yx

    def _draw(
        self, tool: ReviewTool, view: PlaneView, points: NDArray[Any], negative: bool
    ) -> None:
        """Draw the box or stroke so far, in the layer of the outline."""
        scene = self._scene
        if scene.outline is None or scene.image is None:
            return
        if tool == "box":
            (y0, x0), (y1, x1) = points[0], points[-1]
            points = np.array([(y0, x0), (y0, x1), (y1, x1), (y1, x0), (y0, x0)])
        pixel = scene.viewport.pixel_size(scene.image, view)
        width = outline_layer.OUTLINE_PIXELS / pixel
        line = view.in_layers.to_data(points)
        sign = NEGATIVE if negative else POSITIVE
        outline_layer.show_lines(scene.outline, [line], COLOURS[sign], width)


def meant(
    tool: ReviewTool, points: NDArray[np.float64], masks: LayeredMasks[Any], first: int
) -> list[int]:
    """Return the indices of the masks that a gesture means.

    Parameters
    ----------
    tool : {"click", "box", "brush"}
    points : (n, 2) array
        Positions on the plane, pixels.
    masks : LayeredMasks
    first : int
        Index of the lowest mask that is shown; those before are not meant.
    """
    if tool == "box":
        low, high = np.floor(points.min(0) + 0.5), np.floor(points.max(0) + 1.5)
        y0, x0, y1, x1 = (int(v) for v in (*low, *high))
        shares = masks.shares((y0, x0, y1, x1))
        return [i for i, share in shares.items() if share > INSIDE and i >= first]
    found = [i for i in masks.under(_pixels_along(points)) if i >= first]
    return found[-1:] if tool == "click" else found


def _pixels_along(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the (n, 2) pixels that a line meets."""
    steps = np.abs(np.diff(points, axis=0)).max(1, initial=0.0)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.arange(0.0, along[-1] + 0.5, 0.5)
    yx = np.column_stack([np.interp(at, along, points[:, k]) for k in (0, 1)])
    return np.unique(np.floor(yx + 0.5).astype(np.int64), axis=0)
