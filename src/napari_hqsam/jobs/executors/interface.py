"""The interface of executors, and one attempt after another at a task."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from napari_hqsam.errors import HqsamError, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Outcome(Generic[T, R]):
    """What became of a task.

    Attributes
    ----------
    task : object
    result : object or None
        What the function returned; None if it failed.
    error : str
        Why it failed, on one line; empty if it did not.
    full : bool
        Whether it failed because a disk is full: other tasks will, too.
    """

    task: T
    result: R | None = None
    error: str = ""
    full: bool = False


class Executor(Protocol):
    """Runs a function on many tasks."""

    def map(
        self, work: Callable[[T], R], tasks: Iterable[T]
    ) -> Iterator[Outcome[T, R]]:
        """Yield the outcome of each task, in the order in which they complete.

        Parameters
        ----------
        work : callable
            Can be pickled. Run again on the same task, it gives the same result.
        tasks : iterable
            Can be pickled; drawn lazily.

        Raises
        ------
        OutputError
            The executor itself cannot go on, such as without its scheduler.
        """
        ...

    def close(self) -> None:
        """End the workers, those that are at work as well."""
        ...


def attempt(work: Callable[[T], R], retries: int, task: T) -> Outcome[T, R]:
    """Run a function on a task, again for errors that may be of the moment.

    Parameters
    ----------
    work : callable
    retries : int
        Attempts after the first. An `HqsamError` is of the input and not retried.
    task : object
    """
    for number in range(retries + 1):
        try:
            return Outcome(task, work(task))
        except HqsamError as error:
            return Outcome(task, error=reason(error), full=_is_full(error))
        except Exception as error:  # one task must not end the others
            kind = type(error).__name__
            failed: Outcome[T, Any] = Outcome(
                task, error=f"{kind}: {reason(error)}", full=_is_full(error)
            )
            if failed.full or number == retries:
                return failed
    raise AssertionError("there is at least one attempt")


def _is_full(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, says that the disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__ or error.__context__
    return False
