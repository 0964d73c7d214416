"""Making a file or folder all or nothing.

What is written goes to a temporary neighbour and is renamed when complete:
renaming within a folder either happens or does not. This module knows nothing
of labels.
"""

from __future__ import annotations

import errno
import glob
import shutil
import time
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from napari_hqsam.errors import OutputError
from napari_hqsam.images.source import reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK = "lock"
_YOUNG = 60.0  # seconds: until then a workshop may be about to be locked


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to; rename it to the path if all went well.

    The name lies in a hidden folder beside the path, a workshop of this one
    write: whatever else is needed on the way may be put there as well, and goes
    with it. A process that is killed leaves its workshop behind; the next write
    to the same path removes it.

    Parameters
    ----------
    path : pathlib.Path
        Final name of a file or folder. A symbolic link is followed.

    Yields
    ------
    pathlib.Path
        A name on the same disk at which nothing exists. Whatever is written
        there is removed if an error leaves the block.

    Raises
    ------
    OutputError
        For any error of the operating system, the disk being full for one.
    """
    final = path.resolve()
    _remove_abandoned(final)
    workshop = final.with_name(f".{final.name}.{uuid.uuid4().hex[:8]}.partial")
    lock = FileLock(workshop / _LOCK)
    try:
        workshop.mkdir()
        with suppress(OSError):  # some disks know no locks; then nothing is abandoned
            lock.acquire()  # the system lets go of it when the process dies
        partial = workshop / f"{final.name}.partial"
        yield partial
        _put_in_place(partial, final)
    except OSError as error:
        raise OutputError(f"{path} was not written: {_explain(error)}") from error
    finally:
        lock.release()
        _remove(workshop)


def _put_in_place(partial: Path, final: Path) -> None:
    """Rename; a folder, which cannot be renamed over, is first moved aside."""
    if not (partial.is_dir() and final.exists()):
        partial.replace(final)
        return
    # Beside the workshop, not in it: a kill between the two renamings must not
    # leave the old labels where the next write clears up.
    aside = partial.parent.with_suffix(".old")
    try:
        final.rename(aside)
        partial.rename(final)
    except BaseException:
        if aside.exists() and not final.exists():
            aside.rename(final)
        raise
    _remove(aside)


def _remove_abandoned(final: Path) -> None:
    """Remove the workshops of processes that were killed; their locks are free."""
    for lock in final.parent.glob(f".{glob.escape(final.name)}.*.partial/{_LOCK}"):
        try:
            if time.time() - lock.stat().st_mtime < _YOUNG:
                continue
            with FileLock(lock, blocking=False):
                pass
        except (OSError, Timeout):
            continue  # in use, or none of our business
        _remove(lock.parent)


def _remove(path: Path) -> None:
    """Remove a file or folder if it is there; never hide the error at hand."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _explain(error: OSError) -> str:
    """Say what to do about an error of the operating system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{reason(error)}; free some space or choose another disk"
    return f"{reason(error)}; choose another name or folder"
