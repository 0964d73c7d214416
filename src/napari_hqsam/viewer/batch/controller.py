"""Run a job described by the settings, save it for elsewhere, and open its labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError, HqsamWarning, OutputError
from napari_hqsam.jobs.description import write_job
from napari_hqsam.jobs.description.schema import to_plain
from napari_hqsam.viewer.batch.describing import describe
from napari_hqsam.viewer.batch.process import JobProcess
from napari_hqsam.viewer.batch.progress import BatchProgress
from napari_hqsam.viewer.batch.result_layer import add_result
from napari_hqsam.viewer.batch.state import BatchState
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.worker import Priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.viewer.batch.describing import BatchRequest
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.stack.state import StackState
    from napari_hqsam.worker import Worker

_SHOWN = 3
"""Failed images whose reasons are shown."""


class _Opened(NamedTuple):
    """Labels read from a file: a layer's data and attributes, and the file."""

    data: Any
    attributes: dict[str, Any]
    file: str


class BatchController(QObject):
    """Jobs on files; one at a time.

    Parameters
    ----------
    controller : InferenceController
    stack : StackState
        Has the proposer.
    files : Worker
        For reading files.
    message : callable
        Shows a line.
    """

    changed = Signal()
    """Whether a job runs, or is being prepared."""
    advanced = Signal(float, str)
    """Share of the work that is done, and its text."""

    def __init__(
        self,
        controller: InferenceController,
        stack: StackState,
        files: Worker,
        message: Callable[[str], None],
    ) -> None:
        super().__init__(controller)
        self._controller, self._stack, self._files = controller, stack, files
        self._message = message
        self.state = BatchState()
        self._process: JobProcess | None = None
        self._request: BatchRequest | None = None
        self._progress = BatchProgress()
        self._preparing = False

    @property
    def running(self) -> bool:
        """Whether a job is being prepared or runs."""
        return self._preparing or self._process is not None

    def start(self) -> None:
        """Check the described job, and run it."""
        if not self.running:
            self._prepare(self._run)

    def save(self, path: str) -> None:
        """Write the described job as YAML or JSON, to be run elsewhere."""

        def write(request: BatchRequest) -> None:
            write_job(path, request.job)
            self._message(f"Run it with: napari-hqsam batch {path}")

        if not self.running:
            self._prepare(write)

    def cancel(self) -> None:
        """End the job; what was done stays, and the next run does the rest."""
        if self._preparing:
            self._files.cancel("batch")
            self._preparing = False
            self.changed.emit()
        elif self._process is not None and not self._process.cancelled:
            self._process.cancel()
            self.advanced.emit(self._progress.share, "ending ...")

    def close(self) -> None:
        """End the job with the widget."""
        self._files.cancel("batch")
        if self._process is not None:
            self._process.kill()
            self._process = None

    # --- begin ------------------------------------------------------------------

    def _prepare(self, then: Callable[[BatchRequest], None]) -> None:
        """Describe the job, and compare its files with the layer on the worker."""
        controller = self._controller
        try:
            request = describe(controller.scene, self.state, self._stack.proposer)
        except HqsamError as error:
            notify(error)
            return
        self._preparing = True

        def go_on(checked: BatchRequest) -> None:
            self._preparing = False
            try:
                then(checked)
            except (HqsamError, OSError) as error:
                notify(error)
            self.changed.emit()

        def fail(error: Exception) -> None:
            self._preparing = False
            notify(error)
            self.changed.emit()

        self._files.submit(
            Priority.BATCH, "batch", lambda _: request.checked(), go_on, fail
        )
        self.changed.emit()

    def _run(self, request: BatchRequest) -> None:
        self._request, self._progress = request, BatchProgress()
        self._process = JobProcess(self)
        self._process.told.connect(self._on_told)
        self._process.ended.connect(self._on_ended)
        self._process.start(to_plain(request.job), restart=self.state.restart)
        self.advanced.emit(0.0, "starting ...")

    # --- what the job tells ---------------------------------------------------------

    def _on_told(self, line: dict[str, Any]) -> None:
        if "error" in line:
            notify(OutputError(line["error"]))
        elif "warning" in line:
            notify(HqsamWarning(line["warning"]))
        elif "images" in line:
            self._progress.result = line
        else:
            self._progress.take(line)
            if self._process is not None and not self._process.cancelled:
                self.advanced.emit(self._progress.share, self._progress.text())

    def _on_ended(self, why: str) -> None:
        assert self._process is not None
        process, self._process = self._process, None
        process.deleteLater()
        result, request = self._progress.result, self._request
        assert request is not None
        if result is None:
            if process.cancelled:
                self._message("Cancelled; what was done is kept for the next run")
            elif why:
                notify(OutputError(why))
        else:
            self._report(request, result)
        self.changed.emit()

    def _report(self, request: BatchRequest, result: dict[str, Any]) -> None:
        """Tell what was done, and open the labels of the image shown."""
        failed = result["failed"]
        done, folder = result["images"] - len(failed), request.job.outputs.folder
        self._message(
            f"{result['objects']} objects in {done} of {result['images']} "
            f"image{'s' * (result['images'] != 1)}; labels in {folder}"
        )
        if failed:
            shown = "; ".join(f"{name}: {why}" for name, why in failed[:_SHOWN])
            more = len(failed) - _SHOWN
            notify(
                HqsamWarning(
                    f"{len(failed)} of {result['images']} images failed: {shown}"
                    + (f"; and {more} more" if more > 0 else "")
                )
            )
        if request.image is not None:
            self._files.submit(
                Priority.BATCH,
                "batch labels",
                lambda _: _open(request, {name for name, _ in failed}),
                lambda opened: self._place(request, opened),
                notify,
            )

    def _place(self, request: BatchRequest, opened: _Opened | None) -> None:
        if opened is not None and request.image is not None:
            scene = self._controller.scene
            axis = scene.channel_axis if scene.image is request.image else None
            add_result(scene.viewer, request.image, axis, *opened)


def _open(request: BatchRequest, failed: set[str]) -> _Opened | None:
    """Read the labels of the image shown; None if it is none of the job."""
    from napari_hqsam.jobs.runs.inputs import iter_tasks
    from napari_hqsam.viewer.files.file_layers import label_layer

    for task in iter_tasks(request.job):
        if task.source == request.file and task.key not in failed:
            data, attributes, _ = label_layer(Path(task.out), "", "labels")
            return _Opened(data, attributes, task.out)
    return None
