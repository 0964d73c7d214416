"""Tasks in worker processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from napari_hqsam.jobs.executors.interface import Outcome, attempt
from napari_hqsam.jobs.executors.worker import begin_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 2
"""Tasks per worker that are submitted: the next begins while an outcome is handled."""


class ProcessExecutor:
    """Runs tasks in worker processes; see `Executor`.

    Processes are started afresh, not forked: a forked process cannot use a GPU that
    its parent uses, nor torch's threads. When a worker dies, the pool is started anew
    and the tasks that were submitted are run one by one, so that the one which kills
    its worker is told from the others.

    Parameters
    ----------
    workers : int
        Processes.
    retries : int
        Attempts at a task after the first.
    """

    def __init__(self, workers: int, retries: int = 0) -> None:
        self.workers, self.retries = workers, retries
        self._context = multiprocessing.get_context("spawn")
        self._pool: ProcessPoolExecutor | None = None
        self._stop: Any = None

    def map(
        self, work: Callable[[T], R], tasks: Iterable[T]
    ) -> Iterator[Outcome[T, R]]:
        """Yield the outcome of each task as it completes."""
        run = partial(attempt, work, self.retries)
        waiting = iter(tasks)
        suspects: deque[T] = deque()
        running: dict[Future[Outcome[T, R]], T] = {}
        while True:
            while suspects:
                yield self._run_alone(run, suspects.popleft())
            room = _AHEAD * self.workers - len(running)
            try:
                for task in islice(waiting, room):
                    running[self._open().submit(run, task)] = task
            except BrokenProcessPool:
                suspects.append(task)
            if not running and not suspects:
                return
            done = wait(running, return_when=FIRST_COMPLETED).done if running else ()
            for future in done:
                task = running.pop(future)
                try:
                    outcome = future.result()
                except BrokenProcessPool:
                    suspects.append(task)
                else:
                    yield outcome
            if suspects:  # all others of the broken pool have failed as well
                suspects.extend(running.values())
                running.clear()
                self.close()

    def _run_alone(self, run: Callable[[T], Outcome[T, R]], task: T) -> Outcome[T, R]:
        """Run a task with nothing beside it; it fails if its worker dies each time."""
        for _ in range(self.retries + 1):
            try:
                return self._open().submit(run, task).result()
            except BrokenProcessPool:
                self.close()
        return Outcome(
            task,
            error="its worker process died each time, as when memory runs out: use "
            "fewer workers, or smaller images",
        )

    def _open(self) -> ProcessPoolExecutor:
        if self._pool is None:
            receiver, self._stop = self._context.Pipe(duplex=False)
            threads = max(1, (os.cpu_count() or 1) // self.workers)
            self._pool = ProcessPoolExecutor(
                self.workers,
                mp_context=self._context,
                initializer=begin_worker,
                initargs=(self._context.Value("i", 0), threads, receiver),
            )
        return self._pool

    def close(self) -> None:
        """End the workers, those that are at work as well."""
        if self._pool is None:
            return
        self._stop.close()  # the workers see the end of the pipe
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None
