"""Run tasks over many slices: propagation of objects, batches, find all.

Makes the chosen task, runs it, and cancels it when its image or labels are gone.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.stack.confidence import ObjectConfidence
from napari_hqsam.viewer.stack.prompt_stash import PromptStash
from napari_hqsam.viewer.stack.result_placer import ResultPlacer
from napari_hqsam.viewer.stack.run import RunReports, StackRun
from napari_hqsam.viewer.stack.slices.shown_slices import slice_axis_of
from napari_hqsam.viewer.stack.state import StackState
from napari_hqsam.viewer.stack.tasks import TASKS
from napari_hqsam.viewer.stack.tasks.find_all import FindAllOnPlane
from napari_hqsam.viewer.stack.tasks.find_similar import FindSimilarOnPlane
from napari_hqsam.viewer.stack.tasks.refine import RefineOnPlane
from napari_hqsam.viewer.stack.tasks.task import TaskInputs
from napari_hqsam.viewer.stack.tasks.tracks import MakeTracks
from napari_hqsam.viewer.stack.worst_slice import WorstSliceFinder

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.objects.object_writer import ObjectWriter
    from napari_hqsam.viewer.proposals.controller import ProposalController
    from napari_hqsam.viewer.session.controller import SessionController
    from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis
    from napari_hqsam.viewer.stack.state import Cell
    from napari_hqsam.viewer.stack.tasks.task import StackTask


class StackController(QObject):
    """Tasks on many slices of the image shown; one at a time.

    Parameters
    ----------
    controller : InferenceController
    sessions : SessionController
    writer : ObjectWriter
    proposals : ProposalController
    """

    progress = Signal(int, int)
    """Slices that are done, and how many there are; (0, 0): over."""
    advanced = Signal(float, str)
    """Share of the work that is done, and its text."""
    changed = Signal()
    """Confidence of the slices, or which slices there are."""

    def __init__(
        self,
        controller: InferenceController,
        sessions: SessionController,
        writer: ObjectWriter,
        proposals: ProposalController,
    ) -> None:
        super().__init__(controller)
        self._controller, self._sessions = controller, sessions
        self._scene, self._message = controller.scene, sessions.message
        self.state = StackState()
        self._confidence = ObjectConfidence(sessions, self.state)
        self._placer = ResultPlacer(
            sessions, self.state, controller.outline.finished, writer.accept_options
        )
        self._proposals = proposals
        self._stash = PromptStash(controller)
        self._worst = WorstSliceFinder(
            controller.scene,
            controller.current,
            self.state,
            self._confidence,
            self._message.emit,
        )
        self._run: StackRun | None = None
        self._connect()

    def _connect(self) -> None:
        self._sessions.changed.connect(self._on_sessions)
        self._scene.image_changed.connect(self._on_image)
        self._scene.data_changed.connect(self._on_data)
        self._scene.plane_changed.connect(self._on_plane)
        events = self._controller.settings.events
        for name in ("model", "device", "channel_axis"):
            getattr(events, name).connect(self._on_other)

    @property
    def running(self) -> bool:
        """Whether a task is under way."""
        return self._run is not None

    @property
    def on_one_plane(self) -> bool:
        """Whether it works only on the plane that was shown when it began."""
        return self._run is not None and self._run.task.on_one_plane

    @property
    def has_slices(self) -> bool:
        """Whether the image has several slices in the orientation shown."""
        with suppress(HqsamError):
            self.slice_axis()
            return True
        return False

    def slice_axis(self) -> SliceAxis:
        """Return the slices to be worked on.

        Raises
        ------
        ImageError
            No plane is shown, or there is one slice.
        """
        return slice_axis_of(self._scene, self.state.axis)

    def cells(self) -> list[Cell]:
        """Return the confidence of the object shown, for each slice that has it."""
        with suppress(HqsamError):
            return self._confidence.cells(self.slice_axis())
        return []

    def objects(self) -> list[int]:
        """Return the ids of objects that were derived on some slice, ascending."""
        return self._confidence.objects()

    # --- begin -----------------------------------------------------------------

    def start(self, source: Layer | None = None) -> None:
        """Start the chosen task.

        Parameters
        ----------
        source : Layer, optional
            Where prompts are, if the task takes any; None: the widget's own.
        """
        self._start(TASKS[self.state.task], source)

    def find_all(self) -> None:
        """Find all objects of the plane shown, of a stack or of a single plane."""
        self._start(FindAllOnPlane)

    def find_similar(self) -> None:
        """Find the objects of the plane shown that are like those accepted last."""
        self._start(FindSimilarOnPlane)

    def refine(self) -> None:
        """Refine the outlines of all objects of the plane shown."""
        self._start(RefineOnPlane)

    def tracks(self) -> None:
        """Add a Tracks layer of the labels: an id is one object on all slices."""
        self._start(MakeTracks)

    def _start(self, kind: type[StackTask], source: Layer | None = None) -> None:
        """Make a task and run it, as soon as there is a session if it needs one."""
        if self.running:
            self._message.emit("Slices are being worked on; cancel that first")
            return
        session = None
        try:
            task = kind(self._inputs(source))
            if task.writes:
                session = self._sessions.ready(
                    task.plan.request,
                    lambda: self._start(kind, source),
                    lambda _: None,
                )
                if session is None:
                    return
            assert self._sessions.target is not None
            task.begin(self._sessions.target, session)
            self._go(task)
        except HqsamError as error:
            notify(error)

    def _inputs(self, source: Layer | None) -> TaskInputs:
        controller = self._controller
        return TaskInputs(
            scene=self._scene,
            state=self.state,
            confidence=self._confidence,
            current=controller.current,
            requests=controller.requests,
            shown_request=controller.request_for,
            target=self._sessions.target,
            source=source,
            proposals=self._proposals,
        )

    def _go(self, task: StackTask) -> None:
        reports = RunReports(self._emit_progress, self._on_placed, self._end)
        self._run = StackRun(task, self._controller, self._placer, reports, self)
        self._worst.begin_run(with_prompts=bool(task.own_prompts))
        self._stash.take(task)
        self.progress.emit(0, task.plan.total)
        self._emit_progress()
        self._run.start()

    # --- slice by slice ----------------------------------------------------------

    def _on_placed(self) -> None:
        """Show what a step has written to the target."""
        if self._run is None:
            return
        task = self._run.task
        ids = list(task.progress.ids.values())
        if ids and self._confidence.shown_object() not in ids:
            self.state.object_id = ids[0]
        self.progress.emit(len(task.progress.done), task.slices_in_all)
        self._emit_progress()
        self.changed.emit()

    def _emit_progress(self) -> None:
        """Emit how far the task is and how long it may still take."""
        if self._run is not None:
            self.advanced.emit(self._run.task.share, self._run.progress_text())

    # --- the end -----------------------------------------------------------------

    def cancel(self) -> None:
        """Cancel the task; what was done stays, as one step of undo."""
        if self._run is not None:
            self._run.cancel()
            self._end("Cancelled; what was done stays")

    def _end(self, text: str) -> None:
        assert self._run is not None
        task, self._run = self._run.task, None
        session = task.plan.session
        self.progress.emit(0, 0)
        self._stash.restore(task)
        if session is not None and self._sessions.session is session:
            labels = self._sessions.labels
            assert labels is not None
            labels.update_objects(task.progress.ids.values())
            labels.show_rows()
            self._sessions.changed.emit()
        self._message.emit(text)
        self.changed.emit()

    # --- where to look ---------------------------------------------------------------

    def worst(self) -> None:
        """Go to the slice of lowest confidence; from there, to the next lowest."""
        try:
            stack = self.slice_axis()
        except HqsamError as error:
            notify(error)
            return
        self._worst.go(stack)

    def go_to(self, z: int) -> None:
        """Show a slice."""
        with suppress(HqsamError):
            self._scene.go_to(self.slice_axis().view_of(z))

    # --- what happens -----------------------------------------------------------------

    def _on_sessions(self) -> None:
        """Cancel if the labels are gone, or the run was undone."""
        if self._run is not None:
            plan, session = self._run.task.plan, self._sessions.session
            gone = self._sessions.target is not plan.target
            if plan.session is not None and session is not None:
                gone |= session is not plan.session
                gone |= self._run.task.progress.begun and bool(session.history.to_redo)
            if gone:
                self.cancel()
        self.changed.emit()

    def _on_image(self) -> None:
        self.cancel()
        self._confidence.forget()
        self.state.reset()
        self.changed.emit()

    def _on_data(self) -> None:
        """Cancel if the pixels changed; new contrast limits apply to later slices."""
        if self._run is not None:
            if self._scene.key != self._run.task.plan.image_key:
                self.cancel()
        self.changed.emit()

    def _on_other(self) -> None:
        self.cancel()
        self.changed.emit()

    def _on_plane(self) -> None:
        self._worst.check_plane()
        self.changed.emit()
