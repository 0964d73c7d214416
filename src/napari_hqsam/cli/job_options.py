"""A job of the options of a command, and how its plan and its result are printed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import typer

from napari_hqsam.cli.console import print_line
from napari_hqsam.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_hqsam.jobs.description import Job
    from napari_hqsam.jobs.runs.plan import JobPlan
    from napari_hqsam.jobs.runs.run import JobResult

_OF_RUNS = ("image", "dry_run", "restart", "workers", "scheduler", "scheduler_file")
_SHOWN = 10


def job_of_file(context: typer.Context, path: Path, run: dict[str, Any]) -> Job:
    """Read a job; only options of how it runs may be given beside it.

    Parameters
    ----------
    context : typer.Context
        Context of the command.
    path : Path
        The job's file.
    run : dict
        Fields of `RunOptions` that were given.
    """
    from dataclasses import replace

    from napari_hqsam.jobs.description import read_job

    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in _OF_RUNS and source is not None and source.name != "DEFAULT":
            raise JobError(
                f"--{name.replace('_', '-')} is given beside the job {path}: write it "
                "into the file"
            )
    job = read_job(path)
    return replace(job, run=replace(job.run, **run))


def job_of_options(
    inputs: dict[str, Any],
    action: dict[str, Any],
    model: dict[str, Any],
    options: dict[str, Any],
    outputs: dict[str, Any],
    run: dict[str, Any],
) -> Job:
    """Make a job of options; those that are None are left out."""
    from napari_hqsam.jobs.description import Job
    from napari_hqsam.jobs.description.schema import build

    sections = {
        "inputs": inputs,
        "action": action,
        "model": model,
        "options": options,
        "outputs": outputs,
        "run": run,
    }
    return build(
        Job,
        {
            name: {key: value for key, value in each.items() if value is not None}
            for name, each in sections.items()
        },
    )


def print_plan(plan: JobPlan) -> None:
    """Print what a job will take."""
    each = "" if plan.opened == plan.images else f", from {plan.opened} of the images"
    level = "" if plan.level is None else f" at level {plan.level}"
    rows = [
        ("tasks", f"{plan.images} images"),
        ("planes, tiles", f"{plan.planes}, {plan.tiles}{level}{each}"),
        ("time", _time(plan)),
        ("memory", f"about {plan.bytes_per_worker / 2**20:.0f} MiB a worker"),
        ("disk", f"at most {plan.label_bytes / 2**20:.1f} MiB of labels"),
    ]
    for name, value in rows:
        print_line(f"  {name:<14}{value}")
    _print_failed(plan.unreadable, "cannot be read")


def print_result(done: JobResult, outputs: str) -> None:
    """Print the result of a job; exit with 1 if images have failed."""
    images = done.images - len(done.failed)
    earlier = f", {done.resumed} of them by earlier runs" if done.resumed else ""
    print_line(
        f"{done.objects} objects in {images} of {done.images} images{earlier}, labels "
        f"in {outputs}"
    )
    if done.failed:
        _print_failed(done.failed, "failed")
        raise typer.Exit(1)


def _print_failed(failed: Sequence[tuple[str, str]], what: str) -> None:
    if failed:
        print_line(f"{len(failed)} of the images {what}:", error=True)
    for name, why in failed[:_SHOWN]:
        print_line(f"  {name}: {why}", error=True)
    if len(failed) > _SHOWN:
        print_line(f"  and {len(failed) - _SHOWN} more; see the ledger", error=True)


def _time(plan: JobPlan) -> str:
    if not plan.seconds_per_tile:
        return "no model is needed"
    seconds = plan.seconds
    text = f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 3600:.1f} h"
    return (
        f"about {text} with {plan.workers} worker{'s' * (plan.workers > 1)} "
        f"({plan.seconds_per_tile:.3f} s a tile on this machine, "
        f"{os.cpu_count()} cores)"
    )
