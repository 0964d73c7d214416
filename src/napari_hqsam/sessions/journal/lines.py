"""The lines of a journal: JSON objects with a running CRC-32 of all lines so far.

So a damaged, missing or foreign line is detected. `events` and `headers` give lines
their meaning.
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
"""The content of a line."""
VERSION = 1
"""Version of the format; readers refuse a higher one."""
SAVE = "save"
"""Event of a line that records that the labels were saved."""
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
        The header and the lines after it.

    Raises
    ------
    JournalError
        It cannot be read, is no journal, has a newer version, or a line other than
        the last is damaged.

    Warns
    -----
    HqsamWarning
        The last line was cut short: it is left out.
    """
    return read_whole(Path(path))[0]


def is_save(record: Json) -> bool:
    """Whether a line records that the labels were saved, and no event."""
    return record.get("event") == SAVE


def count_lines(lines: Sequence[Json]) -> int:
    """Count lines as `Journal.lines` does."""
    return sum(not is_save(record) for record in lines)


def end_of(path: Path, lines: int) -> int:
    """Return where the first lines of a file end, bytes; with savings after them."""
    end = 0
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError):
                lines -= not is_save(json.loads(line))
            if lines < 0:
                break
            end += len(line)
    return end


def seal(record: Json, before: int) -> tuple[bytes, int]:
    """Return a line as bytes, and its checksum, which continues the last line's."""
    body = json.dumps(record, separators=(",", ":"))[:-1].encode()
    checksum = zlib.crc32(body, before)
    return body + b',"sum":"%08x"}\n' % checksum, checksum


def _unseal(line: bytes, before: int) -> tuple[Json, int]:
    """Return the content and checksum of a line; raise ValueError if it is damaged."""
    found = _CHECKSUM.search(line)
    if found is None:
        raise ValueError("is cut short or no line of a journal")
    checksum = int(found[1], 16)
    if zlib.crc32(line[: found.start()], before) != checksum:
        raise ValueError("does not fit its checksum")
    try:
        record: Json = json.loads(line)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    del record["sum"]
    return record, checksum


def read_whole(path: Path) -> tuple[list[Json], int, int]:
    """Return all complete lines, their length in bytes, and the last checksum.

    Raises
    ------
    JournalError
        The file cannot be read, or a line before the last is damaged.
    """
    records: list[Json] = []
    end = checksum = 0
    damage: ValueError | None = None
    try:
        with path.open("rb") as file:
            for line in file:
                if damage is not None:
                    raise _damaged(path, len(records) + 1, damage)
                try:
                    # text editors and version control may change line ends
                    record, checksum = _unseal(line.rstrip(b"\r\n"), checksum)
                except ValueError as error:
                    damage = error  # fatal unless this is the last line
                    continue
                records.append(record)
                end += len(line)
    except OSError as error:
        raise JournalError(f"{path} cannot be read ({reason(error)})") from error
    if not records:
        raise JournalError(f"{path} is not a journal of napari-hqsam")
    _check_header(path, records[0])
    if damage is not None:
        warnings.warn(
            f"{path}: line {len(records) + 1}, the last, {damage}, as when a program "
            "is killed while it writes; its content is lost, all lines before are "
            "there",
            HqsamWarning,
            stacklevel=4,
        )
    return records, end, checksum


def _damaged(path: Path, number: int, damage: ValueError) -> JournalError:
    return JournalError(
        f"{path}: line {number} {damage}, so it or a line before it was changed; take "
        f"a copy from before that, or delete this line and all after it to keep the "
        f"{number - 2} events before"
        if number > 1
        else f"{path} is not a journal of napari-hqsam: its first line {damage}"
    )


def _check_header(path: Path, header: Json) -> None:
    """Raise JournalError unless this version of the package reads the journal."""
    if header.get("journal") != FORMAT:
        raise JournalError(f"{path} is not a journal of napari-hqsam")
    version = header.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise JournalError(
            f"{path} is a journal of version {shown(version)}, this napari-hqsam reads "
            f"up to {VERSION}; install a newer one"
        )
