"""Run a job: all its images, on an executor, going on where an earlier run ended."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamWarning, JobError, OutputError
from napari_hqsam.jobs.description import Automatic
from napari_hqsam.jobs.executors import SerialExecutor, make_executor
from napari_hqsam.jobs.executors.interface import attempt
from napari_hqsam.jobs.reporter import Reporter
from napari_hqsam.jobs.runs.inputs import iter_tasks
from napari_hqsam.jobs.runs.storage import JobStorage, TaskRecord, signature_of
from napari_hqsam.jobs.runs.work import (
    ImageResult,
    ModelLoader,
    image_keywords,
    load_chosen_model,
    segment_image,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_hqsam.jobs.description import Job
    from napari_hqsam.jobs.executors import Executor, Outcome
    from napari_hqsam.jobs.runs.inputs import ImageTask


@dataclass(frozen=True)
class JobResult:
    """Result of a run of a job.

    Attributes
    ----------
    images : int
        Images of the job.
    resumed : int
        Number of them that earlier runs had done.
    objects : int
        Objects in all labels, where they were counted.
    failed : tuple of (str, str)
        Images that could not be segmented, with the reasons.
    complete : bool
        Whether all others are done: False after `cancelled`.
    """

    images: int
    resumed: int
    objects: int
    failed: tuple[tuple[str, str], ...]
    complete: bool = True


def run_job(
    job: Job,
    *,
    restart: bool = False,
    reporter: Reporter | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    load: ModelLoader = load_chosen_model,
) -> JobResult:
    """Run a job: `napari-hqsam batch JOB.yaml`.

    The labels of an image appear at their name only when they are complete. However a
    run ends, the same call does the rest: images that were added, have changed, failed
    or whose labels are missing.

    Parameters
    ----------
    job : Job
        Read with `read_job`, or made.
    restart : bool
        Do all images again.
    reporter : Reporter, optional
        Receives progress, image by image.
    cancelled : callable
        Checked after each image.
    load : callable
        Loads the model, once in each worker; can be pickled.

    Raises
    ------
    JobError
        The job has no images, or two would have the same labels.
    OutputError
        The labels cannot be written at all: another process runs the job, earlier
        labels are of other settings, the disk is full, or the scheduler is gone.

    Warns
    -----
    HqsamWarning
        What segmenting an image warns of, with its name.
    """
    reporter = reporter or Reporter()
    with reporter.step("list the images") as details:
        count = sum(1 for _ in iter_tasks(job))
        details.append(f"{count} images")
    if not count:
        raise JobError(
            f"there are no images in {', '.join(job.inputs.paths)}: check "
            "inputs.paths and inputs.pattern"
        )
    storage = JobStorage(job)
    with storage.locked():
        storage.open(restart=restart)
        run = _Run(job, storage, reporter, restart=restart)
        with (
            reporter.on_interrupt(
                f"the images done are in {job.outputs.folder}: run the same job again "
                "to do the others"
            ),
            reporter.progress("image", count) as advance,
        ):
            if count == 1 and _is_for_blocks(job):
                run.one_in_blocks(load, advance)
            else:
                executor = make_executor(job.run)
                inside = None
                if count == 1 and isinstance(executor, SerialExecutor):
                    inside = reporter.nested()
                try:
                    run.all(executor, load, advance, cancelled, inside)
                finally:
                    executor.close()
    return JobResult(
        count,
        run.resumed,
        run.objects,
        tuple(sorted(run.failed)),
        complete=run.resumed + run.finished == count,
    )


def _is_for_blocks(job: Job) -> bool:
    """Whether one image of the job is divided into blocks for several workers."""
    action, run = job.action, job.run
    named = run.scheduler or run.scheduler_file
    several = run.executor == "auto" and (run.workers > 1 or named is not None)
    return (
        isinstance(action, Automatic)
        and (several or run.executor in ("processes", "dask"))
        and not action.max_gap
        and not job.outputs.tracks
    )


def _segment_in_blocks(
    job: Job, load: ModelLoader, reporter: Reporter, task: ImageTask, *, restart: bool
) -> ImageResult:
    """Segment an image of a job block by block, and write its labels."""
    from napari_hqsam.jobs.blocks.file import blocks_file
    from napari_hqsam.labels.software_tag import is_written_by_us

    action, inputs, options = job.action, job.inputs, job.options
    assert isinstance(action, Automatic)
    Path(task.out).parent.mkdir(parents=True, exist_ok=True)
    done = blocks_file(
        task.source,
        task.out,
        choice=job.model,
        run=job.run,
        planes=inputs.planes,
        proposer=action.proposer,
        min_overlap=action.min_overlap,
        linked_axis=action.linked_axis,
        overwrite=job.outputs.overwrite or is_written_by_us(task.out),
        restart=restart,
        load=load,
        reporter=reporter,
        normalization=inputs.normalization,
        level=options.level,
        output=options.output,
        clean=options.clean,
        typical_size=options.typical_size,
        **image_keywords(job, task),
    )
    return ImageResult(done.objects)


class _Run:
    """The counts of a run."""

    def __init__(
        self, job: Job, storage: JobStorage, reporter: Reporter, *, restart: bool
    ) -> None:
        self.job, self.storage, self.reporter = job, storage, reporter
        self.restart = restart
        self.resumed = self.finished = self.objects = 0
        self.failed: list[tuple[str, str]] = []
        self._signatures: dict[str, str] = {}

    def all(
        self,
        executor: Executor,
        load: ModelLoader,
        advance: Callable[[int], object],
        cancelled: Callable[[], bool],
        inside: Reporter | None,
    ) -> None:
        """Run the tasks that are left; a full disk ends it.

        `inside` receives the progress within an image that is segmented here.
        """
        work = partial(segment_image, self.job, load, reporter=inside)
        for outcome in executor.map(work, self._left(advance)):
            self._keep(outcome)
            advance(1)
            if outcome.full:
                raise OutputError(
                    f"{outcome.task.key}: {outcome.error}; free some space and run the "
                    "same job again: what was done is kept"
                )
            if cancelled():
                return

    def one_in_blocks(
        self, load: ModelLoader, advance: Callable[[int], object]
    ) -> None:
        """Run the only task, block by block on the executor."""
        for task in self._left(advance):
            work = partial(
                _segment_in_blocks,
                self.job,
                load,
                self.reporter.nested(),
                restart=self.restart,
            )
            self._keep(attempt(work, 0, task))
            advance(1)

    def _left(self, advance: Callable[[int], object]) -> Iterator[ImageTask]:
        """Yield the tasks that earlier runs have not done, lazily."""
        for task in iter_tasks(self.job):
            signature = signature_of(task.source)
            if self.storage.is_done(task, signature):
                self.resumed += 1
                self.objects += self.storage.records[task.key].objects or 0
                advance(1)
                continue
            self._signatures[task.key] = signature
            yield task

    def _keep(self, outcome: Outcome[ImageTask, ImageResult]) -> None:
        """Record what became of a task."""
        task, result = outcome.task, outcome.result
        signature = self._signatures.pop(task.key)
        if result is None:
            self.failed.append((task.key, outcome.error))
            record = TaskRecord(signature, error=outcome.error)
        else:
            self.objects += result.objects or 0
            record = TaskRecord(signature, result.objects)
            for text in result.warnings:
                warnings.warn(f"{task.key}: {text}", HqsamWarning, stacklevel=4)
        self.storage.record(task, record)
        self.finished += 1
