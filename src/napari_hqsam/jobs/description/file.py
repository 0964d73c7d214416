"""Job files: YAML, or JSON by their suffix."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_hqsam.errors import JobError, reason
from napari_hqsam.jobs.description.actions import (
    Prompted,
    Propagated,
    Refined,
    Replayed,
)
from napari_hqsam.jobs.description.job import Job
from napari_hqsam.jobs.description.schema import build, to_plain

SUFFIXES = (".yaml", ".yml", ".json")
_MOST_BYTES = 2**24


def read_job(path: str | os.PathLike[str]) -> Job:
    """Read a job from a YAML or JSON file.

    Parameters
    ----------
    path : path
        Relative paths in it are relative to its folder.

    Raises
    ------
    JobError
        It cannot be read, or is no valid job; names the key and the nearest known one.
    """
    source = Path(path)
    try:
        if source.stat().st_size > _MOST_BYTES:
            raise JobError(f"{source} has more than {_MOST_BYTES} bytes: it is no job")
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(f"{source} cannot be read ({reason(error)})") from error
    try:
        job = build(Job, _parse(text, source.suffix.lower()))
    except JobError as error:
        raise JobError(f"{source}: {error}") from error
    return _resolved(job, source.absolute().parent)


def write_job(path: str | os.PathLike[str], job: Job) -> None:
    """Write a job as YAML or JSON, atomically; values that are defaults are left out.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    from napari_hqsam.files import replacing

    target, plain = Path(path), to_plain(job)
    if target.suffix.lower() == ".json":
        text = json.dumps(plain, indent=2) + "\n"
    else:
        import yaml

        text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    with replacing(target) as partial:
        partial.write_text(text, encoding="utf-8")


def _parse(text: str, suffix: str) -> Any:  # noqa: ANN401
    if suffix == ".json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise JobError(f"it is no JSON ({reason(error)})") from error
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise JobError(f"it is no YAML ({reason(error)})") from error


def _resolved(job: Job, folder: Path) -> Job:
    """Return a job with its relative paths resolved against a folder."""

    def full(path: str) -> str:
        return path if "://" in path else os.path.join(folder, os.path.expanduser(path))

    model, action = job.model, job.action
    if model.name.endswith((".pt", ".pth", ".safetensors")):
        model = replace(model, name=full(model.name))
    if model.instance_decoder is not None:
        model = replace(model, instance_decoder=full(model.instance_decoder))
    if model.cache != "none":
        model = replace(model, cache=full(model.cache))
    match action:
        case Prompted() | Propagated():
            action = replace(action, prompts=_template(action.prompts, full))
        case Refined():
            action = replace(action, labels=_template(action.labels, full))
        case Replayed():
            action = replace(action, journal=_template(action.journal, full))
    run = job.run
    if run.scheduler_file is not None:
        run = replace(run, scheduler_file=full(run.scheduler_file))
    return replace(
        job,
        inputs=replace(job.inputs, paths=tuple(map(full, job.inputs.paths))),
        outputs=replace(job.outputs, folder=full(job.outputs.folder)),
        model=model,
        action=action,
        run=run,
    )


def _template(path: str, full: Any) -> str:  # noqa: ANN401
    """Return a path with placeholders, full unless it begins with a folder's."""
    return path if path.startswith("{folder}") else str(full(path))
