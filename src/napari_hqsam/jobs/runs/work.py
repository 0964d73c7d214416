"""The work of a task: segment one image as the job says; runs in a worker."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_hqsam.errors import HqsamWarning, JobError, PromptError
from napari_hqsam.jobs.description import (
    Action,
    Automatic,
    Prompted,
    Propagated,
    Refined,
    Replayed,
)
from napari_hqsam.jobs.executors.worker import loaded, worker_number
from napari_hqsam.jobs.reporter import Reporter
from napari_hqsam.jobs.runs.inputs import stem_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.jobs.description import Job, ModelChoice
    from napari_hqsam.jobs.runs.inputs import ImageTask
    from napari_hqsam.models import Model

ModelLoader: TypeAlias = "Callable[[ModelChoice, str], Model]"
"""Loads a model for a device; can be pickled."""


@dataclass(frozen=True)
class ImageResult:
    """Result of the task of an image.

    Attributes
    ----------
    objects : int or None
        Objects in the labels, where the action counts them.
    warnings : tuple of str
        Warnings raised by the task.
    """

    objects: int | None
    warnings: tuple[str, ...] = ()


def load_chosen_model(choice: ModelChoice, device: str) -> Model:
    """Load the model of a job for a device."""
    from napari_hqsam.models import load_model

    return load_model(
        choice.name,
        instance_decoder=choice.instance_decoder,
        device=device,
        precision=choice.precision,
    )


def segment_image(
    job: Job, load: ModelLoader, task: ImageTask, *, reporter: Reporter | None = None
) -> ImageResult:
    """Segment an image of a job, and write its labels.

    Parameters
    ----------
    job : Job
    load : callable
        Loads the model, once in each process.
    task : ImageTask
    reporter : Reporter, optional
        Receives the progress within the image.

    Raises
    ------
    HqsamError
        The image, its prompts or its labels are at fault.
    """
    Path(task.out).parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", HqsamWarning)
        objects = _ACTIONS[type(job.action)](job, load, task, reporter or Reporter())
    texts = dict.fromkeys(
        str(each.message) for each in caught if issubclass(each.category, HqsamWarning)
    )
    return ImageResult(objects, tuple(texts))


def _model(job: Job, load: ModelLoader) -> Model:
    devices = job.model.device
    device = devices[worker_number() % len(devices)]
    return loaded((job.model, device), lambda: load(job.model, device))


def _keywords(
    job: Job, load: ModelLoader, task: ImageTask, reporter: Reporter
) -> dict[str, Any]:
    """Return the keywords of `JobSetup` and `SegmentOptions`."""
    inputs, options = job.inputs, job.options
    return {
        **image_keywords(job, task),
        "normalization": inputs.normalization,
        "model": _model(job, load),
        "cache": _cache(job),
        "level": options.level,
        "output": options.output,
        "clean": options.clean,
        "typical_size": options.typical_size,
        "reporter": reporter,
    }


def image_keywords(job: Job, task: ImageTask) -> dict[str, Any]:
    """Return the keywords of `open_image` for a task."""
    inputs = job.inputs
    return {
        "key": task.image_key,
        "axes": inputs.axes,
        "scale": inputs.scale,
        "units": inputs.units,
        "channels": inputs.channels,
        "allow_missing": inputs.allow_missing,
    }


def _cache(job: Job) -> Any:  # noqa: ANN401 - as `JobSetup.cache`
    return False if job.model.cache == "none" else Path(job.model.cache)


def _automatic(job: Job, load: ModelLoader, task: ImageTask, reporter: Reporter) -> int:
    from napari_hqsam.images import open_image
    from napari_hqsam.jobs.auto import auto_file

    action = job.action
    assert isinstance(action, Automatic)
    image = open_image(task.source, **image_keywords(job, task))
    if image.leading_axes:
        return _batch(
            job,
            load,
            task,
            reporter,
            mode="auto",
            proposer=action.proposer,
            min_overlap=action.min_overlap,
            max_gap=action.max_gap,
            linked_axis=action.linked_axis,
        )
    done = auto_file(
        task.source,
        task.out,
        proposer=action.proposer,
        overwrite=job.outputs.overwrite,
        **_keywords(job, load, task, reporter),
    )
    return done.objects


def _prompted(job: Job, load: ModelLoader, task: ImageTask, reporter: Reporter) -> int:
    action = job.action
    assert isinstance(action, Prompted)
    prompts = _beside(action.prompts, "action.prompts", task)
    return _batch(
        job,
        load,
        task,
        reporter,
        prompts=prompts,
        mode=action.mode,
        overlap=action.overlap,
    )


def _batch(
    job: Job,
    load: ModelLoader,
    task: ImageTask,
    reporter: Reporter,
    **keywords: Any,  # noqa: ANN401 - of `batch_file`
) -> int:
    from napari_hqsam.jobs.batch import batch_file
    from napari_hqsam.labels.software_tag import is_written_by_us

    tracks = Path(task.out).with_name(stem_of(Path(task.out).name) + ".tracks.csv")
    done = batch_file(
        task.source,
        task.out,
        planes=job.inputs.planes,
        tracks=tracks if job.outputs.tracks else None,
        overwrite=job.outputs.overwrite or is_written_by_us(task.out),
        **keywords,
        **_keywords(job, load, task, reporter),
    )
    return done.objects


def _propagated(
    job: Job, load: ModelLoader, task: ImageTask, reporter: Reporter
) -> None:
    from napari_hqsam.jobs.propagate import propagate_file

    action = job.action
    assert isinstance(action, Propagated)
    propagate_file(
        task.source,
        task.out,
        _beside(action.prompts, "action.prompts", task),
        across=action.across,
        direction=action.direction,
        z_range=action.z_range,
        spacing=action.spacing,
        overwrite=job.outputs.overwrite,
        **_keywords(job, load, task, reporter),
    )


def _refined(job: Job, load: ModelLoader, task: ImageTask, reporter: Reporter) -> int:
    from napari_hqsam.jobs.refine import refine_file

    action = job.action
    assert isinstance(action, Refined)
    done = refine_file(
        task.source,
        _beside(action.labels, "action.labels", task),
        task.out,
        planes=job.inputs.planes,
        labels_key=action.labels_key,
        overwrite=job.outputs.overwrite,
        **_keywords(job, load, task, reporter),
    )
    return len({each.label_id for each in done.objects})


def _replayed(job: Job, load: ModelLoader, task: ImageTask, reporter: Reporter) -> int:
    from napari_hqsam.jobs.replay import replay_file

    action = job.action
    assert isinstance(action, Replayed)
    done = replay_file(
        _beside(action.journal, "action.journal", task),
        task.source,
        task.out,
        model=_model(job, load) if action.segment_again else None,
        cache=_cache(job),
        overwrite=job.outputs.overwrite,
        reporter=reporter,
        **image_keywords(job, task),
    )
    return done.objects


def _beside(template: str, what: str, task: ImageTask) -> Path:
    """Return the file of an image that a template names."""
    folder, name = os.path.split(task.source)
    try:
        path = Path(template.format(stem=stem_of(name), name=name, folder=folder))
    except (KeyError, IndexError, ValueError) as error:
        raise JobError(
            f"{what} {template!r} has the placeholder {error}: use {{stem}}, {{name}} "
            "and {folder}"
        ) from error
    if not path.exists():
        raise PromptError(f"{path}: no such file; it is {what} of {task.key}")
    return path


_ACTIONS: dict[type[Action], Callable[..., int | None]] = {
    Automatic: _automatic,
    Prompted: _prompted,
    Propagated: _propagated,
    Refined: _refined,
    Replayed: _replayed,
}
"""What does each action. A new one is a function and a line."""
