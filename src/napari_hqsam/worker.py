"""A thread with a priority queue: the package's only executor.

Knows nothing of this package: it runs what it is given. Results go back
through `deliver`, which a program with a window lets run on its main thread.
Each `Worker` has one thread: the viewer has one for inference and one for files,
the embeddings one for tiles that are encoded ahead, so that a click on a tile in
memory does not wait until a large encoder is through with another tile.
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
    """Order in which work is begun; the least number first."""

    CLICK = 0
    HOVER = 1
    PREFETCH = 2
    BATCH = 3


class Cancelled(Exception):
    """Raised by work that nobody waits for any more, to end it."""


@dataclass(eq=False)
class Ticket:
    """One piece of submitted work.

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
        """Whether nobody waits for it any more."""
        return self._gone.is_set()

    def cancel(self) -> None:
        """Drop it: if it runs, its answer is thrown away."""
        self._gone.set()

    def wait(self, seconds: float) -> bool:
        """Wait until its work is over; False if that takes longer (seconds)."""
        return self._over.wait(seconds)

    def check(self) -> None:
        """Raise if it was cancelled: for long work, between two steps."""
        if self.cancelled:
            raise Cancelled


class Worker:
    """A thread with a priority queue; it lives only while there is work.

    A program that ends waits for the ticket in work, and for none after it.

    Parameters
    ----------
    deliver : callable
        Gets a function without arguments, which it must run where results are
        wanted: on the main thread.
    name : str
        Of the thread.
    synchronous : bool
        Run everything at once, in the calling thread: for tests, and to debug.
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
        self._aside: Ticket | None = None  # lets others go first
        self._posted: list[Ticket] = []  # answered, and on their way
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
            What it is about.
        work : callable
            Gets its ticket; runs on the worker's thread.
        done, failed : callable
            Get the result, or the exception, where `deliver` runs them; neither
            is called once the ticket is cancelled.
        replace : bool
            Cancel what else there is of this topic: its answer would be stale.
        discard : callable, optional
            Gets the result instead of `done` if the ticket was cancelled
            meanwhile: to close what must be closed.

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
        """Drop what waits and runs of a topic; of all topics by default."""
        with self._changed:
            begun = [self._running, self._aside]
            for ticket in [*self._waiting, *self._posted, *begun]:
                if ticket is not None and topic in (None, ticket.topic):
                    ticket.cancel()
            self._waiting = [t for t in self._waiting if not t.cancelled]

    def has(self, topic: str) -> bool:
        """Whether somebody waits for work of a topic, or for its answer."""
        with self._changed:
            tickets = [*self._waiting, *self._posted, self._running, self._aside]
            return any(
                t is not None and t.topic == topic and not t.cancelled for t in tickets
            )

    def waiting(self, topic: str) -> bool:
        """Whether work of a topic is queued and not begun."""
        with self._changed:
            return any(ticket.topic == topic for ticket in self._waiting)

    @property
    def busy(self) -> bool:
        """Whether there is work that somebody still waits for, or for its answer."""
        with self._changed:
            begun = [self._running, *self._posted]
            running = any(t is not None and not t.cancelled for t in begun)
            return running or bool(self._waiting)

    @property
    def pending(self) -> int:
        """Tickets that wait; not the one in work."""
        return len(self._waiting)

    def close(self) -> None:
        """Drop everything; the thread ends with the step it is in."""
        with self._changed:
            self._closed = True
        self.cancel()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until nothing runs; False if that takes longer (seconds)."""
        with self._changed:
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def run_pending_above(self, priority: Priority) -> None:
        """Yield to queued work of higher priority; for long work, between two steps.

        To be called on the worker's thread.
        """
        with self._changed:
            mine = self._running
            self._aside = mine
        while (ticket := self._next_above(priority)) is not None:
            self._run(ticket)
        with self._changed:
            self._running, self._aside = mine, None

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
        """Take the ticket of the highest priority, the oldest of several."""
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
        except Exception as error:  # all end as a notification
            call, drop, value = ticket._failed, None, error

        def answer() -> None:
            with self._changed:
                self._posted.remove(ticket)
            # Asked only here: it may have become stale on its way.
            if not ticket.cancelled:
                call(value)
            elif drop is not None:
                drop(value)

        with self._changed:
            self._posted.append(ticket)
        self._deliver(answer)
        ticket._over.set()
