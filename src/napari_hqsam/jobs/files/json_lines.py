"""A file of JSON lines that is appended to, each line on the disk on return.

A kill leaves at most an incomplete last line, which is not read, and is removed before
the next line is appended.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import OutputError, reason
from napari_hqsam.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class JsonLines:
    """Objects of JSON, one a line.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, header: dict[str, Any]) -> None:
        """Create the file with its first line, atomically."""
        with replacing(self.path) as partial:
            partial.write_bytes(_line(header))

    def header(self) -> dict[str, Any] | None:
        """Read the first line; None if there is none."""
        return next(self.lines(), None)

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines, the first one included, up to the first incomplete one."""
        for line in self._whole_lines():
            yield json.loads(line)

    def append_line(self, value: dict[str, Any]) -> None:
        """Append a line; it is on the disk on return.

        Raises
        ------
        OutputError
            It cannot be written to.
        """
        with self._refusals(), self.path.open("ab") as file:
            file.write(_line(value))
            file.flush()
            os.fsync(file.fileno())

    def mend(self, keep: int | None = None) -> None:
        """Remove an incomplete last line, so that the next append starts a line.

        Parameters
        ----------
        keep : int, optional
            Number of lines after the first to keep; by default all.

        Raises
        ------
        OutputError
            It cannot be written to.
        """
        if not self.path.exists():
            return
        lines = islice(self._whole_lines(), None if keep is None else keep + 1)
        with self._refusals():
            os.truncate(self.path, sum(map(len, lines)))

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be written to ({reason(error)}): free some space "
                "and run the same command again"
            ) from error

    def _whole_lines(self) -> Iterator[bytes]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n") or not _is_json(line):
                    return
                yield line


def differing(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """Return the keys in which two headers differ."""
    return [key for key in {**a, **b} if a.get(key) != b.get(key)]


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
