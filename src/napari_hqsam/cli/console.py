"""What the command line prints."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = "napari-hqsam"


def say(text: str = "", *, error: bool = False) -> None:
    """Print a line, to standard error if it is not a result."""
    print(text, file=sys.stderr if error else sys.stdout, flush=True)


@contextmanager
def timed(what: str) -> Iterator[list[str]]:
    """Print what was done and how long it took; the body may add details."""
    details: list[str] = []
    start = time.perf_counter()
    yield details
    seconds = time.perf_counter() - start
    say(f"  {what:<22}{seconds:8.3f} s   {', '.join(details)}".rstrip())


def size_text(count: float) -> str:
    """Write a number of bytes in megabytes."""
    return f"{count / 1e6:.1f} MB"
