"""A thread with a priority queue: the package's only executor.

Knows nothing of this package. Results go back through `deliver`, which a program with
a window runs on its main thread. Each `Worker` has one thread: the viewer has one for
inference and one for files, the embeddings have one for prefetching, so that a click on
a tile in memory does not wait while a large encoder works on another tile.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Priority(IntEnum):
    """Order in which work starts; the lowest number first."""

    CLICK = 0
    HOVER = 1
    PREFETCH = 2
    BATCH = 3


class Cancelled(Exception):
    """Raised by cancelled work to end it."""


@dataclass(eq=False)
class Ticket:
    """One submitted task: a handle to cancel it or wait for it.

    Attributes
    ----------
    priority : Priority
    topic : str
        A newer ticket of the same topic may replace it.
    """

    priority: Priority
    topic: str
    _work: Callable[[Ticket], Any]
    _done: Callable[[Any], None]
    _failed: Callable[[Exception], None]
    _discard: Callable[[Any], None] | None
    _number: int
    _gone: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._gone.is_set()

    def cancel(self) -> None:
        """Cancel it; if it is running, its result is dropped."""
        self._gone.set()

    def wait(self, seconds: float) -> bool:
        """Wait until its work has ended; False after a timeout in seconds."""
        return self._over.wait(seconds)

    def check(self) -> None:
        """Raise `Cancelled` if it was cancelled; called between steps of long work."""
        if self.cancelled:
            raise Cancelled


class Worker:
    """A thread with a priority queue; the thread exists only while there is work.

    A program that exits waits for the running ticket, but not for queued ones.

    Parameters
    ----------
    deliver : callable
        Receives a function without arguments and must call it on the thread that
        handles results, such as the main thread.
    name : str
        Name of the thread.
    synchronous : bool
        Run work immediately in the calling thread: for tests and debugging.
    """

    def __init__(
        self,
        deliver: Callable[[Callable[[], None]], None],
        *,
        name: str = "hqsam-inference",
        synchronous: bool = False,
    ) -> None:
        self.name = name
        self.synchronous = synchronous
        self._deliver = deliver
        self._waiting: list[Ticket] = []
        self._running: Ticket | None = None
        self._yielding: Ticket | None = None  # suspended for more urgent work
        self._posted: list[Ticket] = []  # finished, result not delivered yet
        self._numbers = count()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._changed = threading.Condition()

    def submit(
        self,
        priority: Priority,
        topic: str,
        work: Callable[[Ticket], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        *,
        replace: bool = True,
        discard: Callable[[T], None] | None = None,
    ) -> Ticket:
        """Queue work.

        Parameters
        ----------
        priority : Priority
        topic : str
            Groups tickets: see `replace` and `cancel`.
        work : callable
            Receives its ticket; runs on the worker's thread.
        done, failed : callable
            Receive the result, or the exception, through `deliver`; not called once
            the ticket is cancelled.
        replace : bool
            Cancel other tickets of this topic: their results would be stale.
        discard : callable, optional
            Receives the result instead of `done` if the ticket was cancelled
            meanwhile, such as to close it.

        Raises
        ------
        RuntimeError
            The worker is closed.
        """
        ticket = Ticket(
            priority, topic, work, done, failed, discard, next(self._numbers)
        )
        if replace:
            self.cancel(topic)
        if self.synchronous:
            if not self._closed:
                self._run(ticket)
            return ticket
        with self._changed:
            if self._closed:
                raise RuntimeError("the worker is closed")
            self._waiting.append(ticket)
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name=self.name)
                self._thread.start()
        return ticket

    def cancel(self, topic: str | None = None) -> None:
        """Cancel all tickets of a topic; of all topics by default."""
        with self._changed:
            begun = [self._running, self._yielding]
            for ticket in [*self._waiting, *self._posted, *begun]:
                if ticket is not None and topic in (None, ticket.topic):
                    ticket.cancel()
            self._waiting = [t for t in self._waiting if not t.cancelled]

    def has(self, topic: str) -> bool:
        """Whether a ticket of a topic is queued, running, or not delivered yet."""
        with self._changed:
            tickets = [*self._waiting, *self._posted, self._running, self._yielding]
            return any(
                t is not None and t.topic == topic and not t.cancelled for t in tickets
            )

    def waiting(self, topic: str) -> bool:
        """Whether a ticket of a topic is queued."""
        with self._changed:
            return any(ticket.topic == topic for ticket in self._waiting)

    @property
    def busy(self) -> bool:
        """Whether a ticket is queued, running, or not delivered yet."""
        with self._changed:
            begun = [self._running, *self._posted]
            running = any(t is not None and not t.cancelled for t in begun)
            return running or bool(self._waiting)

    @property
    def pending(self) -> int:
        """Number of queued tickets, without the running one."""
        return len(self._waiting)

    def close(self) -> None:
        """Cancel everything; the thread ends after the running step."""
        with self._changed:
            self._closed = True
        self.cancel()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until nothing runs; False after a timeout in seconds."""
        with self._changed:
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def run_pending_above(self, priority: Priority) -> None:
        """Yield to queued work of higher priority; for long work, between two steps.

        Call it on the worker's thread.
        """
        with self._changed:
            mine = self._running
            self._yielding = mine
        while (ticket := self._next_above(priority)) is not None:
            self._run(ticket)
        with self._changed:
            self._running, self._yielding = mine, None

    def _next_above(self, priority: Priority) -> Ticket | None:
        with self._changed:
            above = [t for t in self._waiting if t.priority < priority]
            return self._begin(above) if above else None

    # --- the thread ------------------------------------------------------

    def _loop(self) -> None:
        while (ticket := self._next()) is not None:
            self._run(ticket)

    def _next(self) -> Ticket | None:
        with self._changed:
            self._running = None
            if not self._waiting or not threading.main_thread().is_alive():
                self._thread = None
                return None
            return self._begin(self._waiting)

    def _begin(self, tickets: list[Ticket]) -> Ticket:
        """Start the ticket of the highest priority, the oldest of several."""
        ticket = min(tickets, key=lambda t: (t.priority, t._number))
        self._waiting.remove(ticket)
        self._running = ticket
        return ticket

    def _run(self, ticket: Ticket) -> None:
        call: Callable[[Any], None]
        drop: Callable[[Any], None] | None
        value: Any
        try:
            call, drop, value = ticket._done, ticket._discard, ticket._work(ticket)
        except Cancelled:
            ticket._over.set()
            return
        except Exception as error:  # passed to `failed`
            call, drop, value = ticket._failed, None, error

        def handle() -> None:
            with self._changed:
                self._posted.remove(ticket)
            # checked here: it may have been cancelled since its work ended
            if not ticket.cancelled:
                call(value)
            elif drop is not None:
                drop(value)

        with self._changed:
            self._posted.append(ticket)
        self._deliver(handle)
        ticket._over.set()
