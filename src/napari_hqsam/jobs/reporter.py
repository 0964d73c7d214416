"""The interface through which jobs report progress; must not know how it is shown."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")


class Reporter:
    """Receives the progress of a job. This class is silent; subclasses show it.

    The command line prints a line per step and shows a progress bar.
    """

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Enclose a step of a job.

        Parameters
        ----------
        title : str
            What is done.

        Yields
        ------
        list of str
            The job appends details of the result.
        """
        yield []

    @contextmanager
    def progress(
        self, unit: str, total: int | None = None
    ) -> Iterator[Callable[[int], object]]:
        """Enclose a loop.

        Parameters
        ----------
        unit : str
            What is counted, such as "tile".
        total : int, optional
            How many there are, if that is known.

        Yields
        ------
        callable
            The job calls it with the number of units done since the last call.
        """
        yield lambda _: None

    @contextmanager
    def on_interrupt(self, state: str) -> Iterator[None]:
        """Enclose work that may be interrupted.

        Parameters
        ----------
        state : str
            State of the output if the block is interrupted, for the message.
        """
        yield

    def result(self, text: str) -> None:
        """Receive a line of the result; called even if the job is interrupted."""

    def nested(self) -> Reporter:
        """Return a reporter for a job that is part of another one.

        It reports steps and progress here; an interruption is reported once, by the
        whole.
        """
        return _Nested(self)

    def track(
        self, items: Iterable[T], unit: str, total: int | None = None
    ) -> Iterator[T]:
        """Yield the items; report each as done when the next one is requested."""
        with self.progress(unit, total) as advance:
            for item in items:
                yield item
                advance(1)


class _Nested(Reporter):
    """Steps and progress of a part; see `Reporter.nested`."""

    def __init__(self, whole: Reporter) -> None:
        self.whole = whole

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Enclose a step."""
        with self.whole.step(title) as details:
            yield details

    @contextmanager
    def progress(
        self, unit: str, total: int | None = None
    ) -> Iterator[Callable[[int], object]]:
        """Enclose a loop."""
        with self.whole.progress(unit, total) as advance:
            yield advance
