"""Long work as a loop of steps on the worker, with clicks answered in between.

Knows the worker's queue; must not know images, prompts or labels.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from napari_hqsam.errors import HqsamError
from napari_hqsam.viewer.main_thread import timer
from napari_hqsam.viewer.time_left import TimeLeft
from napari_hqsam.worker import Priority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qtpy.QtCore import QObject

    from napari_hqsam.worker import Ticket, Worker

BUDGET = 0.015
"""Seconds for which the main thread places results at a time."""

Checkpoint = Callable[[], bool]
"""Runs queued clicks, and returns whether the work was cancelled."""
Result = TypeVar("Result")


class SteppedWork(Protocol[Result]):
    """Interface of the work that a `StepLoop` runs."""

    def steps(self, checkpoint: Checkpoint) -> Iterator[Result]:
        """Yield one result a step; on the worker's thread.

        Parameters
        ----------
        checkpoint : callable
            See `StepLoop.checkpoint`; to be called within long steps.
        """

    def before_step(self) -> None:
        """Prepare the next step; on the main thread."""

    def place(self, result: Result) -> Iterator[None]:
        """Place a result, one part for each item; on the main thread."""

    def finish(self) -> None:
        """Report that all results are placed."""

    def fail(self, error: Exception) -> None:
        """Report that a step, or placing its result, failed."""


class TimeSlices:
    """Runs the parts of some work on the main thread, for `BUDGET` seconds at a time.

    Parameters
    ----------
    parent : QObject
        Of the timer that continues.
    finished : callable
        Called when all parts are done.
    failed : callable
        Gets the error of a part; the others are dropped.
    """

    def __init__(
        self,
        parent: QObject,
        finished: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._finished, self._failed = finished, failed
        self._parts: Iterator[None] | None = None
        self._soon = timer(parent, 0, self._go_on)

    @property
    def running(self) -> bool:
        """Whether there are parts left."""
        return self._parts is not None

    def start(self, parts: Iterator[None]) -> None:
        """Begin, with the first slice at once."""
        self._parts = parts
        self._go_on()

    def stop(self) -> None:
        """Drop the parts that are left."""
        self._parts = None
        self._soon.stop()

    def complete(self) -> None:
        """Run all parts that are left now."""
        self._run_until(float("inf"))

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._soon.deleteLater()

    def _go_on(self) -> None:
        self._run_until(time.perf_counter() + BUDGET)

    def _run_until(self, until: float) -> None:
        """Run parts until a time of `time.perf_counter`."""
        try:
            while (parts := self._parts) is not None:
                ended = next(parts, self) is self
                if self._parts is not parts:
                    return  # stopped by this part
                if ended:
                    self.stop()
                    self._finished()
                elif time.perf_counter() > until:
                    self._soon.start()
                    return
        except HqsamError as error:
            self.stop()
            self._failed(error)
        except Exception:
            self.stop()
            raise


class StepLoop(Generic[Result]):
    """Runs work step by step: a step on the worker, its result on the main thread.

    Each step is a ticket of its own, so that clicks go before it. The next one is
    submitted when the result is placed, which takes `BUDGET` at a time, so that the
    window stays responsive. One loop is one run.

    Parameters
    ----------
    work : SteppedWork
    worker : Worker
    topic : str
        Topic of the tickets.
    parent : QObject
        Owner of the timer that continues placing.
    """

    def __init__(
        self, work: SteppedWork[Result], worker: Worker, topic: str, parent: QObject
    ) -> None:
        self._work, self._worker, self._topic = work, worker, topic
        self._results: Iterator[Result] | None = None  # of the worker's thread
        self._placing = TimeSlices(parent, self._submit, self._fail)
        self._ticket: Ticket | None = None
        self._ended = threading.Event()
        self.time_left = TimeLeft()

    def start(self) -> None:
        """Submit the first step."""
        self._submit()

    def cancel(self) -> None:
        """End with the step in work; its result is dropped, and nothing reported."""
        self._ended.set()
        self._placing.close()
        if self._ticket is not None:
            self._ticket.cancel()

    def checkpoint(self) -> bool:
        """Run queued clicks; return whether the work was cancelled.

        To be called on the worker's thread, between two parts of a step.
        """
        if not self._worker.synchronous:
            self._worker.run_pending_above(Priority.BATCH)
        return self._ended.is_set()

    def _submit(self) -> None:
        try:
            self._work.before_step()
        except HqsamError as error:
            self._fail(error)
            return
        self._ticket = self._worker.submit(
            Priority.BATCH,
            self._topic,
            self._step,
            self._on_result,
            self._fail,
            replace=False,
        )

    def _step(self, _: Ticket) -> Result | None:
        if self._results is None:
            self._results = self._work.steps(self.checkpoint)
        return next(self._results, None)

    def _on_result(self, result: Result | None) -> None:
        if result is None:
            self.cancel()
            self._work.finish()
            return
        self._placing.start(self._work.place(result))

    def _fail(self, error: Exception) -> None:
        self.cancel()
        self._work.fail(error)
