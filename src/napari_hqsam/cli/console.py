"""Printing and messages of the command line."""

from __future__ import annotations

import sys

PROGRAM = "napari-hqsam"
OPTIONS = {"z_range": "range", "linked_axis": "link", "json_file": "json"}
"""Options that are not named like the parameter of the function."""


def print_line(text: str = "", *, error: bool = False) -> None:
    """Print a line, to standard error if it is not a result."""
    print(text, file=sys.stderr if error else sys.stdout, flush=True)


def message_of(error: BaseException) -> str:
    """Return an error's or warning's message on one line, with the option to change."""
    text = " ".join(str(error).split())
    parameter = getattr(error, "parameter", None)
    if parameter is None:
        return text
    option = OPTIONS.get(parameter, parameter).replace("_", "-")
    return f"{text} (--{option})"


def size_text(count: float) -> str:
    """Write a number of bytes in megabytes."""
    return f"{count / 1e6:.1f} MB"
