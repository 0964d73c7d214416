"""What the command line prints."""

from __future__ import annotations

import sys

PROGRAM = "napari-hqsam"


def print_line(text: str = "", *, error: bool = False) -> None:
    """Print a line, to standard error if it is not a result."""
    print(text, file=sys.stderr if error else sys.stdout, flush=True)


def size_text(count: float) -> str:
    """Write a number of bytes in megabytes."""
    return f"{count / 1e6:.1f} MB"
