"""Making a file or folder all or nothing.

What is written goes to a temporary neighbour, is brought to the disk, and is renamed
when complete: renaming within a folder either happens or does not. A folder cannot be
renamed over another, so the old one is renamed first; a process that is killed between
the two leaves it under a hidden name, from which it is put back.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import time
import uuid
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamWarning, OutputError, reason
from napari_hqsam.files.locks import Lock, try_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK = "lock"
_YOUNG = 60.0  # seconds: until then a workshop may be about to be locked
_ID = "[0-9a-f]{8}"


@contextmanager
def replacing(
    path: Path, *, mode: int | None = None, new: bool = False
) -> Iterator[Path]:
    """Give a temporary name to write to; rename it to the path if all went well.

    The name lies in a hidden folder beside the path, a workshop of this one
    write: whatever else is needed on the way may be put there as well, and goes
    with it. A process that is killed leaves its workshop behind; the next write
    to the same path removes it, and puts back what was being replaced.

    Parameters
    ----------
    path : pathlib.Path
        Final name of a file or folder. A symbolic link is followed.
    mode : int, optional
        Permissions of what is made where there was nothing. By default those that
        the system gives. What is replaced keeps its own.
    new : bool
        Whether nothing may be at the path, whoever puts it there meanwhile.

    Yields
    ------
    pathlib.Path
        A name on the same disk at which nothing exists. Whatever is written
        there is removed if an error leaves the block.

    Raises
    ------
    OutputError
        For any error of the operating system, the disk being full for one.

    Warns
    -----
    HqsamWarning
        If an earlier write was killed while it replaced something.
    """
    try:
        final = path.resolve()
        _clear_up(final)
    except (OSError, RuntimeError) as error:  # the latter: links in a circle
        raise _refused(path, error) from error
    workshop = final.with_name(f".{final.name}.{uuid.uuid4().hex[:8]}.partial")
    lock: Lock | None = None
    try:
        workshop.mkdir()
        lock = try_lock(workshop / _LOCK)
        partial = workshop / f"{final.name}.partial"
        yield partial
        _set_mode(partial, final, mode)
        sync_tree(partial)
        if new:
            _put_where_nothing_is(partial, final)
        else:
            _put_in_place(partial, final)
        sync_folder(final.parent)
    except FileExistsError as error:
        raise OutputError(f"{path} exists; choose another name") from error
    except OutputError:
        raise
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        if lock is not None:
            lock.release()
        _remove(workshop)


def interrupted(path: Path) -> Path | None:
    """Return what a killed process was about to replace, if nothing is in its place.

    Parameters
    ----------
    path : pathlib.Path
        A name at which there is nothing.
    """
    with suppress(OSError, RuntimeError):
        final = path.resolve()
        if not os.path.lexists(final):
            found = _leftovers(final)
            return next((_aside(each) for each in found if _aside(each).exists()), None)
    return None


def free_name(path: Path) -> Path:
    """Return a path, or one like it, at which there is nothing."""
    number, free = 0, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def sync_tree(path: Path) -> None:
    """Bring a file, or a folder with all that is in it, to the disk.

    Else a power cut after it was renamed could leave it empty.
    """
    if not path.is_dir():
        _sync(path)
        return
    for folder, _, names in os.walk(path, topdown=False):
        for name in names:
            _sync(os.path.join(folder, name))
        sync_folder(folder)


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Bring the names in a folder to the disk, where the system can do that."""
    with suppress(OSError):
        _sync(path)


def _sync(path: str | os.PathLike[str]) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _set_mode(partial: Path, final: Path, mode: int | None) -> None:
    """Give what is made the permissions of what it replaces."""
    if final.exists():
        mode = stat.S_IMODE(final.stat().st_mode)
    if mode is not None:
        with suppress(PermissionError):  # some disks know none
            partial.chmod(mode)


def _put_in_place(partial: Path, final: Path) -> None:
    """Rename; a folder, which cannot be renamed over, is first moved aside."""
    if not (partial.is_dir() and final.exists()):
        partial.replace(final)
        return
    # Beside the workshop, not in it: a kill between the two renamings must not
    # leave what was there where the next write clears up.
    aside = _aside(partial.parent)
    final.rename(aside)
    try:
        partial.rename(final)
    except BaseException as error:
        try:
            aside.rename(final)
        except OSError:
            raise OutputError(
                f"{final} was not written ({error}), and what was there is now "
                f"{aside}: rename it"
            ) from error
        raise
    _remove(aside)


def _put_where_nothing_is(partial: Path, final: Path) -> None:
    """Rename; raise FileExistsError if there is something."""
    if partial.is_dir():
        if os.path.lexists(final):  # an empty folder could be renamed over
            raise FileExistsError(errno.EEXIST, "exists", str(final))
        partial.rename(final)
        return
    try:
        os.link(partial, final)  # which never replaces a file, as renaming does
    except FileExistsError:
        raise
    except OSError:  # no links on this disk
        if os.path.lexists(final):
            raise FileExistsError(errno.EEXIST, "exists", str(final)) from None
        partial.rename(final)


# --- what killed processes leave ------------------------------------------------


def _aside(workshop: Path) -> Path:
    """Name of what is being replaced, while it is neither here nor there."""
    return workshop.with_suffix(".old")


def _leftovers(final: Path) -> list[Path]:
    """Workshops of a path, those that are gone as well if they left something."""
    ours = re.compile(rf"\.{re.escape(final.name)}\.{_ID}\.(partial|old)")
    with suppress(FileNotFoundError):
        names = {n for n in os.listdir(final.parent) if ours.fullmatch(n)}
        stems = {name.rpartition(".")[0] for name in names}
        return sorted(final.parent / f"{stem}.partial" for stem in stems)
    return []


def _clear_up(final: Path) -> None:
    """Remove the workshops of processes that were killed; put back what they took."""
    for workshop in _leftovers(final):
        lock = None
        if workshop.exists():
            lock = _lock_abandoned(workshop)
            if lock is None:
                continue  # in use, or none of our business
        try:
            _put_back(workshop, final)
        finally:
            if lock is not None:
                lock.release()
        _remove(workshop)


def _lock_abandoned(workshop: Path) -> Lock | None:
    """Take the lock of a workshop; None unless its process is surely gone."""
    path = workshop / _LOCK
    try:
        if time.time() - path.stat().st_mtime < _YOUNG:
            return None
    except OSError:
        return None
    lock = try_lock(path)
    if lock is None or lock.confirmed:
        return lock
    lock.release()
    return None


def _put_back(workshop: Path, final: Path) -> None:
    """Put back what was to be replaced, unless that was done."""
    aside = _aside(workshop)
    if not aside.exists():
        return
    if not os.path.lexists(final):
        aside.rename(final)
        told = f"{final} is again as it was before"
    elif workshop.exists() and not (workshop / f"{final.name}.partial").exists():
        _remove(aside)  # it was killed only after the new was in place
        return
    else:  # and something else has been put in its place since
        kept = free_name(final.with_name(f"{final.name}.old"))
        aside.rename(kept)
        told = f"what was there before is kept as {kept}"
    warnings.warn(
        f"a program was killed while it replaced {final}: {told}",
        HqsamWarning,
        stacklevel=6,
    )


def _remove(path: Path) -> None:
    """Remove a file or folder if it is there; never hide the error at hand."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _refused(path: Path, error: Exception) -> OutputError:
    """Say what to do about an error of the operating system."""
    remedy = "choose another name or folder"
    if isinstance(error, OSError) and error.errno in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
    ):
        remedy = "free some space or choose another disk"
    return OutputError(f"{path} was not written: {reason(error)}; {remedy}")
