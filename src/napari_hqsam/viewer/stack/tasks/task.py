"""Base class of the tasks on slices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from napari_hqsam.prompts import Prompt
from napari_hqsam.viewer.stack.plan import StackPlan, StackProgress
from napari_hqsam.viewer.stack.slices.shown_slices import slice_axis_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from napari.layers import Layer

    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.inference.requests.builder import RequestBuilder
    from napari_hqsam.viewer.inference.requests.request import Request
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.proposals.controller import ProposalController
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget
    from napari_hqsam.viewer.stack.confidence import ObjectConfidence
    from napari_hqsam.viewer.stack.plan import SliceJob
    from napari_hqsam.viewer.stack.result_placer import ResultPlacer
    from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis
    from napari_hqsam.viewer.stack.slices.slice_results import SliceResult
    from napari_hqsam.viewer.stack.state import StackState
    from napari_hqsam.viewer.state import CurrentObject

POINT = Prompt([(0, 0)])
"""A prompt without the object's size: the level depends on the objects so far."""
BOX = Prompt(box=(0, 0, 1, 1))
"""A prompt with the object's size, on which the level depends."""


@dataclass(frozen=True, eq=False)
class TaskInputs:
    """Objects of the viewer that tasks read.

    Attributes
    ----------
    scene : Scene
    state : StackState
        The choices of the stack section.
    confidence : ObjectConfidence
    current : CurrentObject
    requests : RequestBuilder
        Builds the request for a plane and a prompt.
    shown_request : callable
        Returns the request for a prompt on a plane, linked to the clicks before, and
        the number of the mask that was chosen.
    target : LayerTarget or None
        The labels, if there are any yet.
    source : Layer or None
        Layer with the prompts; None: the widget's own layers.
    proposals : ProposalController
        Where masks are proposed.
    """

    scene: Scene
    state: StackState
    confidence: ObjectConfidence
    current: CurrentObject
    requests: RequestBuilder
    shown_request: Callable[[PlaneView, Prompt], tuple[Request, int]]
    target: LayerTarget | None
    source: Layer | None
    proposals: ProposalController


class StackTask(ABC):
    """One run of a task, from its plan to its summary.

    `prepare` and `begin` run first, on the main thread; then, step by step,
    `before_step` on the main thread, `results` on the worker's, `place` on the main
    thread; `finish` and `summary` at the end.

    Parameters
    ----------
    inputs : TaskInputs

    Attributes
    ----------
    plan : StackPlan
    progress : StackProgress
    own_prompts : dict of (int, hashable) to Prompt
        Prompts of the widget's own layers, by slice and key: removed during the run,
        and restored if they gave no object.
    reopened : int or None
        Id of the object that they belong to; None: a new one.
    kept : dict of hashable to frozenset of int
        Slices that accepted objects are propagated from, by key.

    Raises
    ------
    HqsamError
        There is nothing to work on.
    """

    name: ClassVar[str] = ""
    """In `StackState.task`."""
    title: ClassVar[str] = ""
    """As the panel lists it."""
    tip: ClassVar[str] = ""
    action: ClassVar[str] = "Segment the slices"
    """Text of the button."""
    takes_source: ClassVar[bool] = False
    """Whether a layer can be chosen as source of prompts."""
    takes_direction: ClassVar[bool] = False
    """Whether the direction through the slices can be chosen."""
    writes: ClassVar[bool] = True
    """Whether objects go to a session; its target is made if there is none."""
    on_one_plane: ClassVar[bool] = False
    """Whether it works only on the plane shown when it begins."""
    level_prompt: ClassVar[Prompt] = POINT
    """A prompt of the same kind as the task's, to choose the level."""

    def __init__(self, inputs: TaskInputs) -> None:
        self.inputs = inputs
        stack, span = self._slices()
        request = inputs.requests.request(stack.view, self.level_prompt)
        total = span[1] - span[0]
        self.plan = StackPlan(
            stack,
            span,
            request,
            inputs.scene.key,
            total,
            proposer=inputs.state.proposer,
        )
        self.progress = StackProgress()
        self.own_prompts: dict[tuple[int, Hashable], Prompt] = {}
        self.reopened: int | None = None
        self.kept: dict[Hashable, frozenset[int]] = {}
        self.prepare()

    def _slices(self) -> tuple[SliceAxis, tuple[int, int]]:
        """Return the slices, and the range of them that is worked on."""
        stack = slice_axis_of(self.inputs.scene, self.inputs.state.axis)
        return stack, self.inputs.state.span(stack)

    def prepare(self) -> None:  # noqa: B027, not all have prompts
        """Read the prompts, before a target is made.

        Raises
        ------
        HqsamError
            There is nothing to work on.
        """

    def begin(self, target: LayerTarget, session: Session | None) -> None:
        """Read the labels and the session that objects go to, if any.

        Raises
        ------
        PromptError
            There is nothing to work on in them.
        """
        self.plan = replace(
            self.plan, target=target, labels=target.array, session=session
        )

    def before_step(self) -> None:  # noqa: B027, as above
        """Prepare the next step; on the main thread."""

    @abstractmethod
    def results(self, job: SliceJob) -> Iterator[SliceResult]:
        """Yield what is found on slices; on the worker's thread.

        Parameters
        ----------
        job : SliceJob
        """

    def place(self, result: SliceResult, placer: ResultPlacer) -> Iterator[None]:
        """Write a result to the target, one object for each item."""
        for found in result.objects:
            placer.place(self.plan, self.progress, result.z, found)
            yield

    def finish(self) -> None:
        """Remember what objects were propagated from, to redo less the next time."""
        ids, prompted = self.progress.ids, self.progress.prompted
        for key in self.kept.keys() | {key for _, key in prompted}:
            slices = self.kept.get(key, frozenset()) | {
                z for z, k in prompted if k == key
            }
            self.inputs.confidence.note_sources(ids[key], self.plan.stack, slices)

    # --- texts -----------------------------------------------------------

    @property
    def slices_in_all(self) -> int:
        """How many slices there are, as far as is known."""
        return max(self.plan.total, len(self.progress.done))

    @property
    def share(self) -> float:
        """Share of the work that is done, 0..1."""
        tile, tiles = self.progress.tiles
        done = len(self.progress.done) + (tile / tiles if tiles else 0.0)
        return done / max(self.slices_in_all, 1)

    def counts(self) -> list[str]:
        """Return texts of how far the run is."""
        parts = [f"{len(self.progress.done)} of {self.slices_in_all} slices"]
        tile, tiles = self.progress.tiles
        return [*parts, f"{tile} of {tiles} tiles"] if tiles else parts

    def summary(self) -> str:
        """Return what was found, and the slice to look at."""
        ids = list(self.progress.ids.values())
        if not ids:
            return "Nothing was found"
        text = f"{objects_text(ids)} found on {len(self.progress.filled)} slices"
        worst = self.inputs.confidence.worst_of(ids, self.plan.stack)
        if worst is None:
            return text
        return (
            f"{text}; lowest confidence: object {worst.label_id} on slice {worst.z} "
            f"({worst.confidence:.2f})"
        )


def objects_text(ids: list[int]) -> str:
    """Name one object by its id, or count several."""
    return f"Object {ids[0]}" if len(ids) == 1 else f"{len(ids)} objects"
