"""Tasks on dask.distributed: a running scheduler, or workers made for the run."""

from __future__ import annotations

import os
from functools import partial
from itertools import islice
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, TypeVar

from napari_hqsam.errors import JobError, OutputError, reason
from napari_hqsam.jobs.executors.interface import Outcome, attempt
from napari_hqsam.jobs.executors.worker import set_worker_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 2
_LOOK = 1.0
"""Seconds between two looks at whether the scheduler is still there."""
_PATIENCE = 60.0
"""Seconds to wait for a scheduler."""


class DaskExecutor:
    """Runs tasks on workers of dask.distributed; see `Executor`.

    Dask blames all tasks that a dead worker held, so those are run again one by one.

    Parameters
    ----------
    workers : int
        Processes of the local cluster that is started where no scheduler is named.
    retries : int
        Attempts at a task after the first.
    scheduler, scheduler_file : str, optional
        Address, or file, of a running cluster, whose workers see the same files under
        the same paths.
    resources : mapping of str to float
        What a task needs of a worker.

    Raises
    ------
    JobError
        dask.distributed is not installed.
    OutputError
        There is no such scheduler.
    """

    def __init__(
        self,
        workers: int = 1,
        retries: int = 0,
        scheduler: str | None = None,
        scheduler_file: str | None = None,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        try:
            import distributed
        except ImportError as error:
            raise JobError(
                "dask.distributed is not installed: pip install "
                '"napari-hqsam[cluster]", or use processes'
            ) from error
        self.retries, self.resources = retries, dict(resources or {})
        self._distributed = distributed
        self._cluster: Any = None
        if scheduler_file is not None and not os.path.exists(scheduler_file):
            raise OutputError(  # dask would wait for it without end
                f"there is no dask scheduler at {scheduler_file}: start one with "
                f"dask scheduler --scheduler-file {scheduler_file}"
            )
        if scheduler is None and scheduler_file is None:
            self._cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",  # None would take port 8787
                resources=self.resources or None,
            )
        try:
            self._client = distributed.Client(
                self._cluster or scheduler,
                scheduler_file=scheduler_file,
                timeout=_PATIENCE,
                set_as_default=False,
            )
        except (OSError, ValueError) as error:
            raise OutputError(
                f"there is no dask scheduler at {scheduler or scheduler_file} "
                f"({reason(error)}): start one, or check the address"
            ) from error

    def map(
        self, work: Callable[[T], R], tasks: Iterable[T]
    ) -> Iterator[Outcome[T, R]]:
        """Yield the outcome of each task as it completes."""
        run = partial(_on_worker, work, self.retries)
        waiting = iter(tasks)
        running: dict[Any, T] = {}
        suspects: list[T] = []
        completed: Queue[Any] = Queue()
        while True:
            room = _AHEAD * max(len(self._workers()), 1) - len(running)
            for task in islice(waiting, max(room, 0)):
                running[self._submit(run, task, completed)] = task
            if not running:
                break
            future = self._next(completed)
            task = running.pop(future)
            outcome = self._outcome(future, task)
            if outcome is None:
                suspects.append(task)
            else:
                yield outcome
        for task in suspects:
            future = self._submit(run, task, completed)  # lost, it is cancelled
            self._next(completed)
            outcome = self._outcome(future, task)
            yield outcome or Outcome(
                task,
                error="its worker died each time, as when memory runs out: use workers "
                "with more memory, or smaller images",
            )

    def _submit(
        self,
        run: Callable[[T], Outcome[T, R]],
        task: T,
        completed: Queue[Any],
    ) -> Any:  # noqa: ANN401 - a future
        """Submit a task; its future goes into the queue when it is done."""
        future = self._client.submit(
            run, task, pure=False, resources=self.resources or None
        )
        future.add_done_callback(completed.put)
        return future

    def _workers(self) -> Mapping[str, Any]:
        info = self._client.scheduler_info(n_workers=-1)
        found: Mapping[str, Any] = info.get("workers", {})
        return found

    def _next(self, completed: Queue[Any]) -> Any:  # noqa: ANN401
        """Wait for a future to be done; raise if the scheduler is gone."""
        while True:
            try:
                return completed.get(timeout=_LOOK)
            except Empty:
                if self._client.status != "running":
                    raise self._lost() from None

    def _outcome(self, future: Any, task: T) -> Outcome[T, Any] | None:  # noqa: ANN401
        """Return the outcome of a future that is done; None if its workers died."""
        if future.status == "cancelled" or self._client.status != "running":
            raise self._lost()
        try:
            outcome: Outcome[T, Any] = future.result()
        except self._distributed.KilledWorker:
            return None
        except Exception as error:  # it could not be sent, or brought back
            return Outcome(task, error=f"{type(error).__name__}: {reason(error)}")
        return outcome

    def _lost(self) -> OutputError:
        return OutputError(
            "the dask scheduler is gone: start it again and run the same command to "
            "go on"
        )

    def close(self) -> None:
        """Disconnect; end the workers if they were started for this run."""
        self._client.close(timeout=5)
        if self._cluster is not None:
            self._cluster.close(timeout=5)


def _on_worker(work: Callable[[T], R], retries: int, task: T) -> Outcome[T, R]:
    """Run a task on a worker, with the number that a local cluster gave it."""
    from distributed import get_worker

    name = get_worker().name
    set_worker_number(name if isinstance(name, int) else 0)
    return attempt(work, retries, task)
