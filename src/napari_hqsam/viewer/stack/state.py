"""What was chosen for stacks, and what the strip shows; no napari, no Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from psygnal import SignalGroupDescriptor

if TYPE_CHECKING:
    from napari_hqsam.geometry import Plane
    from napari_hqsam.segmentation.propagation import Confidence, Direction
    from napari_hqsam.viewer.stack.stack_axis import Walk

Task = Literal["follow", "accepted", "same", "each", "auto"]


@dataclass
class StackState:
    """What to do with which slices.

    Attributes
    ----------
    task : {"follow", "accepted", "same", "each", "auto"}
        Follow the prompted object, or those accepted on the slice shown; segment
        each slice by the same prompts, by its own, or without any.
    axis : int or None
        Data axis to walk along; None: that of the slider used last.
    start, stop : int or None
        Half-open range of slices; None: from the first, to the last.
    range_axis : int or None
        Data axis that the range is of, and does not count along others; None: any.
    direction : {"both", "forward", "backward"}
    object_id : int or None
        The object whose confidence is shown.
    parts : dict
        What the confidence of (object, plane) was made of, as far as it was
        computed since the widget was opened.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    task: Task = "follow"
    axis: int | None = None
    start: int | None = None
    stop: int | None = None
    range_axis: int | None = None
    direction: Direction = "both"
    object_id: int | None = None
    parts: dict[tuple[int, Plane], Confidence] = field(default_factory=dict)

    def span(self, walk: Walk) -> tuple[int, int]:
        """Half-open range of slices, within those that there are."""
        if self.range_axis not in (None, walk.axis):
            return 0, walk.count
        stop = walk.count if self.stop is None else min(self.stop, walk.count)
        start = 0 if self.start is None else min(self.start, walk.count - 1)
        return start, max(stop, start + 1)

    def forget(self) -> None:
        """Begin with all slices of another image."""
        self.axis = self.start = self.stop = self.range_axis = None
        self.object_id = None
        self.parts.clear()


class Cell(NamedTuple):
    """An object on a slice.

    Attributes
    ----------
    z : int
    sure : float or None
        Confidence, 0..1; None: prompted or made by hand.
    parts : Confidence or None
        What it was made of, if that is known.
    """

    z: int
    sure: float | None
    parts: Confidence | None = None
