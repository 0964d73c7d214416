"""One task after another in this process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from napari_hqsam.jobs.executors.interface import Outcome, attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class SerialExecutor:
    """Runs tasks in this process; see `Executor`."""

    retries: int = 0

    def map(
        self, work: Callable[[T], R], tasks: Iterable[T]
    ) -> Iterator[Outcome[T, R]]:
        """Yield the outcome of each task, in their order."""
        for task in tasks:
            yield attempt(work, self.retries, task)

    def close(self) -> None:
        """Do nothing: there are no workers."""
