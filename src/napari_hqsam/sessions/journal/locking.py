"""Lock journals, and remove or shorten those that are not in use."""

from __future__ import annotations

import math
import os
import time
from contextlib import suppress
from pathlib import Path

from napari_hqsam.errors import OutputError, reason
from napari_hqsam.files import Lock, try_lock
from napari_hqsam.sessions.journal.lines import (
    JournalError,
    end_of,
)

_OLD = 600.0
"""Seconds without writes after which an unlockable journal counts as not in use."""


def is_in_use(path: str | os.PathLike[str]) -> bool:
    """Whether a session has a journal open now, in this process or another."""
    try:
        _locked(Path(path)).release()
    except JournalError:
        return True
    return False


def remove_journal(
    path: str | os.PathLike[str], *, base: Path | None = None, locked: bool = False
) -> None:
    """Remove a journal that is not in use, and the labels that it began with.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    base : pathlib.Path, optional
        Those labels.
    locked : bool
        Do not remove it on a file system without locks, however old it is.

    Raises
    ------
    JournalError
        It is in use, or may be.
    OutputError
        It cannot be removed.
    """
    path = Path(path)
    with lock_exclusively(path, always=locked):
        try:
            path.unlink(missing_ok=True)
            if base is not None:
                base.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{path} cannot be removed ({reason(error)})") from error


def cut_journal(path: str | os.PathLike[str], keep: int) -> None:
    """Remove the last lines of a journal.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    keep : int
        Number of lines that stay, as `Journal.lines` counts them.

    Raises
    ------
    JournalError
        It is in use.
    OutputError
        It cannot be written to.
    """
    path = Path(path)
    with lock_exclusively(path):
        try:
            os.truncate(path, end_of(path, keep))
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written to ({reason(error)})"
            ) from error


def lock_exclusively(path: Path, *, always: bool = False) -> Lock:
    """Lock a journal that will be renamed, shortened or removed.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    always : bool
        Refuse on a file system without locks. Otherwise a file that was not written
        for ten minutes counts as not in use there.

    Raises
    ------
    JournalError
        It is in use, or may be.
    """
    lock = _locked(path)
    try:
        _check_unused(path, lock, always=always)
    except BaseException:
        lock.release()
        raise
    return lock


def _locked(path: Path) -> Lock:
    """Lock a journal; raise JournalError if it is in use."""
    try:
        path = path.resolve()
    except (OSError, RuntimeError) as error:  # the latter: links in a circle
        raise JournalError(f"{path} cannot be found ({reason(error)})") from error
    lock = try_lock(path.with_name(f".{path.name}.lock"))
    if lock is None:
        raise JournalError(f"{path} is in use by another session; close that one first")
    return lock


def _check_unused(path: Path, lock: Lock, *, always: bool = False) -> None:
    """Raise JournalError unless the lock, or the age of the file, shows no writer."""
    with suppress(FileNotFoundError):
        age = 0.0 if always else time.time() - path.stat().st_mtime
        if not lock.confirmed and age < _OLD:
            raise JournalError(
                f"{path} may be in use by another program, since its folder does not "
                f"support locks ({lock.why_not}); close that program, and try again in "
                f"{math.ceil((_OLD - age) / 60)} minutes"
            )
