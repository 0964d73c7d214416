"""The progress of a job on a terminal."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_hqsam.cli.console import print_line
from napari_hqsam.cli.interrupts import report_interrupt
from napari_hqsam.jobs.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Console(Reporter):
    """Prints the steps of a job with their times, and shows a bar on a terminal."""

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Print what was done, how long it took, and its details."""
        details: list[str] = []
        start = time.perf_counter()
        yield details
        seconds = time.perf_counter() - start
        print_line(f"  {title:<22}{seconds:8.3f} s   {', '.join(details)}".rstrip())

    @contextmanager
    def progress(
        self, unit: str, total: int | None = None
    ) -> Iterator[Callable[[int], object]]:
        """Show a progress bar, on a terminal only."""
        from tqdm import tqdm

        with tqdm(total=total, unit=unit, leave=False, disable=None) as bar:
            yield bar.update

    @contextmanager
    def on_interrupt(self, state: str) -> Iterator[None]:
        """Print the state and exit, if the block is interrupted."""
        with report_interrupt(state):
            yield

    def result(self, text: str) -> None:
        """Print a line."""
        print_line(text)
