"""What ends a command before its end: ctrl-C, and SIGTERM as schedulers send it.

Both unwind the stack like any error, so that nothing half-written is left, and
print one line. Knows nothing of what the commands do.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from napari_hqsam.cli.console import PROGRAM, print_line

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 128 + signal.SIGINT
"""Exit code of a command that ctrl-C ended."""
TERMINATED = 128 + signal.SIGTERM
"""Exit code of a command that SIGTERM ended."""
GRACE = 5.0
"""Seconds after a SIGTERM in which another is ignored; `timeout` sends two."""


class Commands(TyperGroup):
    """Group of commands that prints a line when one is interrupted."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own copy of click
        """Run the command that was named."""
        with report_interrupt("the command did not come to its end"):
            return super().invoke(ctx)


@contextmanager
def report_interrupt(state: str) -> Iterator[None]:
    """Print the state of the output, and exit, if the block is interrupted.

    Parameters
    ----------
    state : str
        What was written and what not; the end of a line.

    Raises
    ------
    typer.Exit
        With the code `INTERRUPTED`, instead of KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt:
        # At the end of the process it tells of writes that nobody waits for.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        print_line(f"{PROGRAM}: interrupted; {state}", error=True)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Take SIGTERM for ctrl-C, but for the exit code, which is `TERMINATED`."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may ask for signals
        return
    first: float | None = None

    def interrupt(*_: object) -> None:
        nonlocal first
        if first is not None and time.monotonic() - first < GRACE:
            return
        first = time.monotonic()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except SystemExit as stop:
        if first is not None and stop.code == INTERRUPTED:
            sys.exit(TERMINATED)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
