"""Models of the stack section: its choices, and the cells of the strip; no Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from psygnal import SignalGroupDescriptor

from napari_hqsam.viewer.widget_options import widget_options

if TYPE_CHECKING:
    from napari_hqsam.geometry import Plane
    from napari_hqsam.segmentation.options import ProposerName
    from napari_hqsam.segmentation.propagation import Confidence, Direction
    from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis


@dataclass
class StackState:
    """The chosen task, and the slices that it runs on.

    Attributes
    ----------
    task : str
        Name of a task, see `tasks.TASKS`.
    axis : int or None
        Data axis of the slices; None: that of the slider used last.
    start, stop : int or None
        Half-open range of slices; None: from the first, to the last.
    range_axis : int or None
        Data axis that the range applies to; None: to any.
    direction : {"both", "forward", "backward"}
    proposer : {"auto", "apg", "ais", "grid"}
        Where prompts come from when all objects are looked for.
    propose : bool
        What is found on the plane shown is proposed, not written to the labels.
    object_id : int or None
        The object whose confidence is shown.
    parts : dict
        Parts of the confidence by (object, plane), where computed since the widget was
        opened.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    task: str = "follow"
    axis: int | None = None
    start: int | None = None
    stop: int | None = None
    range_axis: int | None = None
    direction: Direction = field(
        default="both",
        metadata=widget_options(
            "Which way objects are followed",
            choices=(
                ("both ways", "both", "From the first slice to the last"),
                ("onward", "forward", "To higher slices"),
                ("backward", "backward", "To lower slices"),
            ),
        ),
    )
    proposer: ProposerName = field(
        default="auto",
        metadata=widget_options(
            "Where prompts come from when all objects are looked for",
            choices=(
                (
                    "automatic",
                    "auto",
                    "APG where the model has an instance decoder, else the grid",
                ),
                (
                    "APG (decoder, then SAM)",
                    "apg",
                    "One point for each object that the instance decoder sees;\n"
                    "SAM and HQ segment each",
                ),
                (
                    "AIS (decoder alone, fast)",
                    "ais",
                    "A watershed on the maps of the instance decoder, without SAM:\n"
                    "several times as fast",
                ),
                ("grid of clicks", "grid", "An even grid of clicks, for any model"),
            ),
        ),
    )
    propose: bool = field(
        default=False,
        metadata=widget_options(
            "Show what is found as outlines first, to be accepted or rejected.\n"
            "Otherwise it is written to the labels at once",
            text="propose first",
        ),
    )
    object_id: int | None = None
    parts: dict[tuple[int, Plane], Confidence] = field(default_factory=dict)

    def span(self, stack: SliceAxis) -> tuple[int, int]:
        """Return the half-open range of slices, clipped to the existing ones."""
        if self.range_axis not in (None, stack.axis):
            return 0, stack.count
        stop = stack.count if self.stop is None else min(self.stop, stack.count)
        start = 0 if self.start is None else min(self.start, stack.count - 1)
        return start, max(stop, start + 1)

    def reset(self) -> None:
        """Begin with all slices of another image."""
        self.axis = self.start = self.stop = self.range_axis = None
        self.object_id = None
        self.parts.clear()


class Cell(NamedTuple):
    """An object on a slice, as the strip shows it.

    Attributes
    ----------
    z : int
    confidence : float or None
        0..1; None: prompted or made by hand.
    parts : Confidence or None
        What it was computed from, if that is known.
    """

    z: int
    confidence: float | None
    parts: Confidence | None = None
