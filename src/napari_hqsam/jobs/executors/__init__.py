"""Executors: run a function on many tasks, in this process, in others, or on dask.

All have one interface, `Executor.map`: tasks are drawn lazily from an iterable, a few
per worker ahead, and outcomes are yielded as they complete, in any order. An error of a
task is part of its outcome; a worker that dies costs its task one attempt. Must not
know what a task is. The worker processes keep what they load (`worker.loaded`), so that
there is one model per worker.
"""

from napari_hqsam.jobs.executors.factory import make_executor
from napari_hqsam.jobs.executors.interface import Executor, Outcome
from napari_hqsam.jobs.executors.serial import SerialExecutor

__all__ = ["Executor", "Outcome", "SerialExecutor", "make_executor"]
