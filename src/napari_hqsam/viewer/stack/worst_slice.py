"""Go to the slice of lowest confidence, to correct the object there."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.stack.slices.shown_slices import own_prompts

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.stack.confidence import ObjectConfidence
    from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis
    from napari_hqsam.viewer.stack.state import StackState
    from napari_hqsam.viewer.state import CurrentObject


class WorstSliceFinder:
    """Goes to the slice of lowest confidence; a prompt there corrects the object.

    Parameters
    ----------
    scene : Scene
    current : CurrentObject
    state : StackState
    confidence : ObjectConfidence
    say : callable
        Shows a message to the user.
    """

    def __init__(
        self,
        scene: Scene,
        current: CurrentObject,
        state: StackState,
        confidence: ObjectConfidence,
        say: Callable[[str], None],
    ) -> None:
        self._scene, self._current, self._state = scene, current, state
        self._confidence, self._say = confidence, say
        self._last: int | None = None  # slice that was gone to
        self._corrected: tuple[SliceAxis, int] | None = None

    def go(self, stack: SliceAxis) -> None:
        """Go to the worst slice; from there, to the next worst."""
        after = stack.z if stack.z == self._last else None
        cell = self._confidence.worst_cell(stack, after)
        label_id = self._state.object_id
        if cell is None:
            self._say("Follow an object through the stack first")
            return
        with suppress(HqsamError):
            self._scene.go_to(stack.view_of(cell.z))
        self._last = cell.z
        self._say(
            f"Object {label_id}, slice {cell.z}: confidence {cell.confidence:.2f}. "
            "Click to correct it, then follow it again"
        )
        if not own_prompts(self._scene, stack):
            self._current.label_id = label_id
            self._corrected = stack, cell.z

    def begin_run(self, *, with_prompts: bool) -> None:
        """Begin with the worst slice again; the run has the prompts, if any."""
        self._last = None
        if with_prompts:
            self._corrected = None

    def check_plane(self) -> None:
        """Correct the object no longer once another slice is shown, without prompts."""
        if self._corrected is None:
            return
        stack, z = self._corrected
        with suppress(HqsamError):
            if self._scene.view() != stack.view_of(z) and not self._has_prompts():
                self._current.label_id = None
                self._corrected = None

    def _has_prompts(self) -> bool:
        own = self._scene.points, self._scene.shapes
        return any(layer is not None and len(layer.data) > 0 for layer in own)
