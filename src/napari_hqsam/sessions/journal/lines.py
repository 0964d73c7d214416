"""The lines of a journal: JSON objects, each with a checksum of all up to it.

So a damaged, lost or foreign line is noticed. What lines mean is the business of
`records` and `headers`.
"""

from __future__ import annotations

import json
import re
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamError, HqsamWarning, reason, shown

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

Json = dict[str, Any]
"""What a line says."""
VERSION = 1
"""Of what the lines mean; readers refuse a higher one."""
SAVE = "save"
"""Event of a line that tells that the labels were saved."""
FORMAT = "napari-hqsam"
_CHECKSUM = re.compile(rb',"sum":"([0-9a-f]{8})"\}$')


class JournalError(HqsamError, ValueError):
    """The journal is damaged, foreign, newer than this package, or in use."""


def read_lines(path: str | os.PathLike[str]) -> list[Json]:
    """Read a journal; it may be in use.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Returns
    -------
    list of dict
        The header and what follows.

    Raises
    ------
    JournalError
        If it cannot be read, is no journal, is of a newer version, or a line
        but the last is damaged.

    Warns
    -----
    HqsamWarning
        If the last line was cut short: it is left out.
    """
    return read_whole(Path(path))[0]


def tells_of_saving(said: Json) -> bool:
    """Whether a line says only that the labels were saved: nothing was done."""
    return said.get("event") == SAVE


def count_lines(lines: Sequence[Json]) -> int:
    """Count lines as `Journal.lines` does."""
    return sum(not tells_of_saving(said) for said in lines)


def end_of(path: Path, lines: int) -> int:
    """Bytes that the first lines of a file take, and what tells of saving them."""
    end = 0
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError):
                lines -= not tells_of_saving(json.loads(line))
            if lines < 0:
                break
            end += len(line)
    return end


def seal(said: Json, before: int) -> tuple[bytes, int]:
    """Return a line with its checksum, which goes on from that of the line before."""
    body = json.dumps(said, separators=(",", ":"))[:-1].encode()
    checksum = zlib.crc32(body, before)
    return body + b',"sum":"%08x"}\n' % checksum, checksum


def _unseal(line: bytes, before: int) -> tuple[Json, int]:
    """Return what a line says and its checksum; raise ValueError if it is damaged."""
    found = _CHECKSUM.search(line)
    if found is None:
        raise ValueError("is cut short or no line of a journal")
    checksum = int(found[1], 16)
    if zlib.crc32(line[: found.start()], before) != checksum:
        raise ValueError("does not fit its checksum")
    try:
        said: Json = json.loads(line)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    del said["sum"]
    return said, checksum


def read_whole(path: Path) -> tuple[list[Json], int, int]:
    """Lines, where the last whole one ends, and its checksum."""
    said: list[Json] = []
    end = checksum = 0
    damage: ValueError | None = None
    try:
        with path.open("rb") as file:
            for line in file:
                if damage is not None:
                    raise _damaged(path, len(said) + 1, damage)
                try:
                    # Editors and versioning tools may have their own line ends.
                    one, checksum = _unseal(line.rstrip(b"\r\n"), checksum)
                except ValueError as error:
                    damage = error  # which is fatal unless this is the last line
                    continue
                said.append(one)
                end += len(line)
    except OSError as error:
        raise JournalError(f"{path} cannot be read ({reason(error)})") from error
    if not said:
        raise JournalError(f"{path} is not a journal of napari-hqsam")
    _check_header(path, said[0])
    if damage is not None:
        warnings.warn(
            f"{path}: line {len(said) + 1}, the last, {damage}, as when a program is "
            "killed while it writes; what it said is lost, all before is there",
            HqsamWarning,
            stacklevel=4,
        )
    return said, end, checksum


def _damaged(path: Path, number: int, damage: ValueError) -> JournalError:
    return JournalError(
        f"{path}: line {number} {damage}, so it or a line before it was changed; take "
        f"a copy from before that, or delete this line and all after it to keep the "
        f"{number - 2} things done before"
        if number > 1
        else f"{path} is not a journal of napari-hqsam: its first line {damage}"
    )


def _check_header(path: Path, header: Json) -> None:
    """Raise unless this version of the package reads such a journal."""
    if header.get("journal") != FORMAT:
        raise JournalError(f"{path} is not a journal of napari-hqsam")
    version = header.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise JournalError(
            f"{path} is a journal of version {shown(version)}, this napari-hqsam reads "
            f"up to {VERSION}; install a newer one"
        )
