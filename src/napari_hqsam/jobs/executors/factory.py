"""Make the executor that the options of a job ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.jobs.executors.processes import ProcessExecutor
from napari_hqsam.jobs.executors.serial import SerialExecutor

if TYPE_CHECKING:
    from napari_hqsam.jobs.description.job import RunOptions
    from napari_hqsam.jobs.executors.interface import Executor


def make_executor(options: RunOptions) -> Executor:
    """Make the executor that a job asks for.

    Raises
    ------
    JobError
        dask.distributed is wanted and not installed.
    OutputError
        There is no scheduler where one is named.
    """
    kind = options.executor
    if kind == "auto":
        named = options.scheduler or options.scheduler_file
        kind = "dask" if named else "processes" if options.workers > 1 else "serial"
    if kind == "serial":
        return SerialExecutor(options.retries)
    if kind == "processes":
        return ProcessExecutor(options.workers, options.retries)
    from napari_hqsam.jobs.executors.dask_cluster import DaskExecutor

    return DaskExecutor(
        options.workers,
        options.retries,
        options.scheduler,
        options.scheduler_file,
        options.resources,
    )
