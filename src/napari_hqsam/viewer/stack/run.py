"""A running task: its steps on the worker, its results in the target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.stack.plan import SliceJob
from napari_hqsam.viewer.step_loop import StepLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qtpy.QtCore import QObject

    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.stack.result_placer import ResultPlacer
    from napari_hqsam.viewer.stack.slices.slice_results import SliceResult
    from napari_hqsam.viewer.stack.tasks.task import StackTask
    from napari_hqsam.viewer.step_loop import Checkpoint


class RunReports(NamedTuple):
    """Callbacks of a run, called on the main thread.

    Attributes
    ----------
    advanced : callable
        More tiles of the slice in work are done.
    placed : callable
        The results of a step are in the target.
    ended : callable
        The run is done, or failed; gets the message.
    """

    advanced: Callable[[], None]
    placed: Callable[[], None]
    ended: Callable[[str], None]


class StackRun:
    """Runs a task in a `StepLoop`.

    Parameters
    ----------
    task : StackTask
    controller : InferenceController
        Controls the inference: its engine and worker do the steps.
    placer : ResultPlacer
    reports : RunReports
    parent : QObject
        Owner of the timers.
    """

    def __init__(
        self,
        task: StackTask,
        controller: InferenceController,
        placer: ResultPlacer,
        reports: RunReports,
        parent: QObject,
    ) -> None:
        self.task = task
        self._engine, self._to_main = controller.engine, controller.to_main
        self._placer, self._reports = placer, reports
        self._ended = False
        self._loop = StepLoop(self, controller.worker, "stack", parent)

    def start(self) -> None:
        """Start the first step."""
        self._loop.start()

    def cancel(self) -> None:
        """Cancel; what was done stays."""
        self._ended = True
        self._loop.cancel()

    def progress_text(self) -> str:
        """Return how far it is, and how long it may still take."""
        left = self._loop.time_left.text(self.task.share)
        return ", ".join([*self.task.counts(), left] if left else self.task.counts())

    # --- the loop's steps -----------------------------------------------------

    def steps(self, checkpoint: Checkpoint) -> Iterator[SliceResult]:
        """Yield what is found on slices; on the worker's thread."""
        task, engine = self.task, self._engine
        job = SliceJob(task.plan, task.progress, engine, checkpoint, self._report_tiles)
        for result in task.results(job):
            if not task.writes:
                yield result
                continue
            # This also lets the engine keep the segmenter, as one used last.
            yield replace(result, setup=engine.setup(task.plan.request))

    def before_step(self) -> None:
        """Prepare the next step."""
        self.task.before_step()

    def place(self, result: SliceResult) -> Iterator[None]:
        """Place a result, object by object."""
        plan, progress = self.task.plan, self.task.progress
        if result.boxes is not None and plan.session is not None:
            plan.session.table.set_preexisting_boxes(
                plan.stack.plane(result.z), result.boxes
            )
        progress.setup = result.setup
        if not result.partial:
            progress.done.add(result.z)
            if not self.task.on_one_plane:
                progress.tiles = 0, 0
        yield from self.task.place(result, self._placer)
        self._reports.placed()

    def finish(self) -> None:
        """Report what was found."""
        self._ended = True
        self.task.finish()
        self._reports.ended(self.task.summary())

    def fail(self, error: Exception) -> None:
        """Report how many slices are done, and the error."""
        self._ended = True
        self._reports.ended(f"Stopped after {len(self.task.progress.done)} slices")
        notify(error)

    def _report_tiles(self, done: int, total: int) -> None:
        """Report the tiles of a slice to the main thread; called on the worker's."""

        def tell_tiles() -> None:
            if not self._ended:
                self.task.progress.tiles = done, total
                self._reports.advanced()

        self._to_main(tell_tiles)
