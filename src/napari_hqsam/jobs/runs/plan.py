"""The plan of a job before it is run: tasks, time, memory and disk.

One tile is measured on this machine; everything else is counted. Nothing is written.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamError, JobError
from napari_hqsam.jobs.description import Automatic, Replayed
from napari_hqsam.jobs.executors.worker import loaded
from napari_hqsam.jobs.inputs import JobSetup
from napari_hqsam.jobs.reporter import Reporter
from napari_hqsam.jobs.runs.inputs import iter_tasks
from napari_hqsam.jobs.runs.work import ModelLoader, load_chosen_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.images import Image
    from napari_hqsam.jobs.description import Job
    from napari_hqsam.jobs.runs.inputs import ImageTask
    from napari_hqsam.models import Model
    from napari_hqsam.segmentation import Segmenter

MOST_OPENED = 20
"""Images that are opened to count tiles; more are taken to be like these."""


@dataclass(frozen=True)
class JobPlan:
    """What a job will take.

    Attributes
    ----------
    images : int
    unreadable : tuple of (str, str)
        Images that could not be opened, with the reasons.
    planes, tiles : int
        Number in all images; extrapolated where more than `MOST_OPENED`.
    opened : int
        Images that were opened to count them.
    level : int or None
        At which the tiles were counted.
    seconds_per_tile : float
        As measured: read, encode, segment. 0 where no model is needed.
    workers : int
    bytes_per_worker : int
        Memory of this process after the measured tile.
    label_bytes : int
        Size of all labels before compression.
    """

    images: int
    unreadable: tuple[tuple[str, str], ...]
    planes: int
    tiles: int
    opened: int
    level: int | None
    seconds_per_tile: float
    workers: int
    bytes_per_worker: int
    label_bytes: int

    @property
    def seconds(self) -> float:
        """Predicted time of the run, if all workers are as fast as this machine."""
        parallel = self.workers  # one image is divided into blocks
        if self.images > 1:
            parallel = min(self.workers, self.images)
        return self.tiles * self.seconds_per_tile / parallel


def plan_job(
    job: Job,
    *,
    reporter: Reporter | None = None,
    load: ModelLoader = load_chosen_model,
) -> JobPlan:
    """Plan a job: count its tasks, and measure a tile; nothing is written.

    Parameters
    ----------
    job : Job
    reporter : Reporter, optional
        Receives the steps.
    load : callable
        As of `run_job`.

    Raises
    ------
    JobError
        There are no images, or none of the first ones can be read.
    """
    reporter = reporter or Reporter()
    with reporter.step("list the images") as details:
        tasks, count = _first(job)
        details.append(f"{count} images")
    images, unreadable = _opened(job, tasks)
    if not images:
        names = ", ".join(job.inputs.paths)
        why = f": {unreadable[0][0]}: {unreadable[0][1]}" if unreadable else ""
        raise JobError(f"no image in {names} can be read{why}")
    model, level, seconds = None, None, 0.0
    if not (isinstance(job.action, Replayed) and not job.action.segment_again):
        with reporter.step("load the model") as details:
            device = job.model.device[0]
            model = loaded((job.model, device), lambda: load(job.model, device))
            details.append(model.name)
        with reporter.step("measure a tile") as details:
            level, seconds = _measure(job, images[0], model)
            details.append(f"{seconds:.3f} s at level {level}")
    share = count / len(images)
    planes = sum(math.prod(each.leading_shape) for each in images)
    tiles = sum(_tiles(job, each, model, level) for each in images)
    pixels = sum(math.prod((*i.leading_shape, *i.plane_shape)) for i in images)
    return JobPlan(
        count,
        tuple(unreadable),
        round(planes * share),
        round(tiles * share),
        len(images),
        level,
        seconds,
        job.run.workers,
        _memory(),
        round(pixels * share) * 4,
    )


def _first(job: Job) -> tuple[list[ImageTask], int]:
    """Return the first tasks, and the number of all."""
    first: list[ImageTask] = []
    count = 0
    for task in iter_tasks(job):
        count += 1
        if count <= MOST_OPENED:
            first.append(task)
    return first, count


def _opened(
    job: Job, tasks: Sequence[ImageTask]
) -> tuple[list[Image], list[tuple[str, str]]]:
    inputs = job.inputs
    images, unreadable = [], []
    for task in tasks:
        setup = JobSetup(
            key=task.image_key,
            axes=inputs.axes,
            scale=inputs.scale,
            units=inputs.units,
            channels=inputs.channels,
            allow_missing=inputs.allow_missing,
        )
        try:
            images.append(setup.reopen_image(task.source))
        except HqsamError as error:
            unreadable.append((task.key, str(error)))
    return images, unreadable


def _tiles(job: Job, image: Image, model: Model | None, level: int | None) -> int:
    """Count the tiles that an image takes; with prompts, one for each plane."""
    planes = math.prod(image.leading_shape)
    if model is None or level is None:
        return 0
    if not isinstance(job.action, Automatic):
        return planes
    from napari_hqsam.tiling import Grid

    grid = Grid(image.plane_shape, model.input_size)
    return planes * math.prod(grid.shape(grid.clip(level)))


def _measure(job: Job, image: Image, model: Model) -> tuple[int, float]:
    """Segment around a tile as the job does; return its level, seconds for a tile."""
    from napari_hqsam.jobs.batches.level import choose_level
    from napari_hqsam.jobs.batches.plan import plan_batch
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation import Segmenter

    inputs, options = job.inputs, job.options
    segmenter = Segmenter(image, model, normalization=inputs.normalization, cache=False)
    h, w = image.plane_shape
    if not isinstance(job.action, Automatic):
        level = options.level if isinstance(options.level, int) else 0
        level = segmenter.grid.clip(level)
        prompt = Prompt([(h / 2, w / 2)])
        return level, _time(
            lambda: segmenter.segment(
                prompt, plane=_middle(image), level=level, output=options.output
            ),
            segmenter,
        )
    proposer = job.action.proposer
    batch = plan_batch(
        image,
        "auto",
        proposer=proposer,
        level=options.level,
        typical_size=options.typical_size,
        planes=[_middle(image)],
    )
    level = choose_level(segmenter, batch)
    grid = segmenter.grid
    tile = grid.nearest(level, (h / 2, w / 2))
    y0, x0, y1, x1 = tile.region
    seconds = _time(
        lambda: segmenter.segment_everything(
            plane=_middle(image),
            region=(y0, x0, min(y1, h), min(x1, w)),
            proposer=proposer,
            level=level,
            output=options.output,
        ),
        segmenter,
    )
    return level, seconds


def _time(segment: object, segmenter: Segmenter) -> float:
    """Return the seconds per tile encoded, after a run to warm up."""
    from napari_hqsam.segmentation.plane.segmenter import synchronize

    assert callable(segment)
    for _ in range(2):
        segmenter.source.memory.clear()
        segmenter.source.maps.clear()
        before, start = segmenter.source.encoded, time.perf_counter()
        segment()
        synchronize(segmenter.model.device)
        seconds = time.perf_counter() - start
    return seconds / max(segmenter.source.encoded - before, 1)


def _middle(image: Image) -> dict[str, int]:
    return image.index_at(tuple(n // 2 for n in image.leading_shape))


def _memory() -> int:
    import psutil  # type: ignore[import-untyped]

    return int(psutil.Process().memory_info().rss)
