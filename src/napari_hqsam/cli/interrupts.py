"""Interruption of a command: by ctrl-C, or SIGTERM as schedulers send it.

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
"""Exit code after ctrl-C."""
TERMINATED = 128 + signal.SIGTERM
"""Exit code after SIGTERM."""
GRACE = 5.0
"""Seconds after a SIGTERM in which another is ignored; `timeout` sends two."""


class Commands(TyperGroup):
    """Group of commands that prints a line when one is interrupted."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own copy of click
        """Run the command."""
        with report_interrupt("the command did not finish"):
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
        # It would report, as the process ends, writes that nobody waits for.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        print_line(f"{PROGRAM}: interrupted; {state}", error=True)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Handle SIGTERM like ctrl-C, except for the exit code, `TERMINATED`."""
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
