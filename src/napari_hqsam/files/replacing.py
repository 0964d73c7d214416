"""Atomic replacement of files and folders.

Content is written to a temporary neighbour, synced to the disk, and renamed when
complete; renaming within a folder is atomic. A folder cannot be renamed over another,
so the old one is renamed first; if the process is killed between the two, the next
write restores it from its hidden name.
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
_YOUNG = 60.0  # seconds in which a new workspace may not be locked yet
_ID = "[0-9a-f]{8}"


@contextmanager
def replacing(
    path: Path, *, mode: int | None = None, new: bool = False
) -> Iterator[Path]:
    """Yield a temporary path to write to; rename it to the final one on success.

    The temporary path lies in a hidden folder beside the final one, the workspace of
    this write; other temporary files may be put there too. A killed process leaves its
    workspace behind; the next write to the same path removes it, and restores what was
    being replaced.

    Parameters
    ----------
    path : pathlib.Path
        Final path of a file or folder. Symbolic links are resolved.
    mode : int, optional
        Permissions of a new file; by default those of the system. A replaced file
        keeps its own.
    new : bool
        Fail if something exists at the path, even if it was created meanwhile.

    Yields
    ------
    pathlib.Path
        A free path on the same disk. What is written there is removed if the block
        raises.

    Raises
    ------
    OutputError
        For any error of the operating system, such as a full disk.

    Warns
    -----
    HqsamWarning
        An earlier write was killed while it replaced something.
    """
    try:
        final = path.resolve()
        _clear_up(final)
    except (OSError, RuntimeError) as error:  # the latter: a loop of links
        raise _output_error(path, error) from error
    workspace = final.with_name(f".{final.name}.{uuid.uuid4().hex[:8]}.partial")
    lock: Lock | None = None
    try:
        workspace.mkdir()
        lock = try_lock(workspace / _LOCK)
        partial = workspace / f"{final.name}.partial"
        yield partial
        _set_mode(partial, final, mode)
        sync_tree(partial)
        if new:
            _put_new(partial, final)
        else:
            _put_in_place(partial, final)
        sync_folder(final.parent)
    except FileExistsError as error:
        raise OutputError(f"{path} exists; choose another name") from error
    except OutputError:
        raise
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        if lock is not None:
            lock.release()
        _remove(workspace)


def interrupted(path: Path) -> Path | None:
    """Return what a killed process was replacing, if the path is missing now.

    Parameters
    ----------
    path : pathlib.Path
        A path that does not exist.
    """
    with suppress(OSError, RuntimeError):
        final = path.resolve()
        if not os.path.lexists(final):
            found = _leftovers(final)
            backups = map(_backup, found)
            return next((backup for backup in backups if backup.exists()), None)
    return None


def free_name(path: Path) -> Path:
    """Return a path, or one with a number appended, that does not exist."""
    number, free = 0, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def sync_tree(path: Path) -> None:
    """Sync a file, or a folder with its content, to the disk.

    Otherwise a power cut after the renaming could leave it empty.
    """
    if not path.is_dir():
        _sync(path)
        return
    for folder, _, names in os.walk(path, topdown=False):
        for name in names:
            _sync(os.path.join(folder, name))
        sync_folder(folder)


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Sync the entries of a folder to the disk, where the system supports that."""
    with suppress(OSError):
        _sync(path)


def _sync(path: str | os.PathLike[str]) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _set_mode(partial: Path, final: Path, mode: int | None) -> None:
    """Set the permissions to those of the replaced file."""
    if final.exists():
        mode = stat.S_IMODE(final.stat().st_mode)
    if mode is not None:
        with suppress(PermissionError):  # not supported by some file systems
            partial.chmod(mode)


def _put_in_place(partial: Path, final: Path) -> None:
    """Rename to the final path; rename an existing folder first."""
    if not (partial.is_dir() and final.exists()):
        partial.replace(final)
        return
    # beside the workspace, not in it: the next write removes workspaces, and a kill
    # between the two renamings must not lose the old folder
    backup = _backup(partial.parent)
    final.rename(backup)
    try:
        partial.rename(final)
    except BaseException as error:
        try:
            backup.rename(final)
        except OSError:
            raise OutputError(
                f"{final} was not written ({error}), and what was there is now "
                f"{backup}: rename it"
            ) from error
        raise
    _remove(backup)


def _put_new(partial: Path, final: Path) -> None:
    """Rename to the final path; raise FileExistsError if it exists."""
    if partial.is_dir():
        if os.path.lexists(final):  # an empty folder could be renamed over
            raise FileExistsError(errno.EEXIST, "exists", str(final))
        partial.rename(final)
        return
    try:
        os.link(partial, final)  # unlike renaming, never replaces a file
    except FileExistsError:
        raise
    except OSError:  # no links on this file system
        if os.path.lexists(final):
            raise FileExistsError(errno.EEXIST, "exists", str(final)) from None
        partial.rename(final)


# --- leftovers of killed processes ----------------------------------------------


def _backup(workspace: Path) -> Path:
    """Return the path of the replaced folder until the new one is in place."""
    return workspace.with_suffix(".old")


def is_workspace(name: str) -> bool:
    """Whether a file name is that of a temporary folder of `replacing`.

    One may be left even where nothing was killed: zarr writes chunks in threads, and
    those that still run when another failed write to a folder that was just removed.
    """
    return re.fullmatch(rf"\..+\.{_ID}\.partial", name) is not None


def _leftovers(final: Path) -> list[Path]:
    """Return the workspaces of a path, including removed ones with a backup."""
    ours = re.compile(rf"\.{re.escape(final.name)}\.{_ID}\.(partial|old)")
    with suppress(FileNotFoundError):
        names = {n for n in os.listdir(final.parent) if ours.fullmatch(n)}
        stems = {name.rpartition(".")[0] for name in names}
        return sorted(final.parent / f"{stem}.partial" for stem in stems)
    return []


def _clear_up(final: Path) -> None:
    """Remove the workspaces of killed processes; restore what they were replacing."""
    for workspace in _leftovers(final):
        lock = None
        if workspace.exists():
            lock = _lock_abandoned(workspace)
            if lock is None:
                continue  # in use, or not ours
        try:
            _restore(workspace, final)
        finally:
            if lock is not None:
                lock.release()
        _remove(workspace)


def _lock_abandoned(workspace: Path) -> Lock | None:
    """Lock a workspace; None unless its process has certainly ended."""
    path = workspace / _LOCK
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


def _restore(workspace: Path, final: Path) -> None:
    """Restore what was being replaced, unless the replacement was complete."""
    backup = _backup(workspace)
    if not backup.exists():
        return
    if not os.path.lexists(final):
        backup.rename(final)
        outcome = f"{final} is again as it was before"
    elif workspace.exists() and not (workspace / f"{final.name}.partial").exists():
        _remove(backup)  # killed after the new folder was in place
        return
    else:  # something else was put there since
        kept = free_name(final.with_name(f"{final.name}.old"))
        backup.rename(kept)
        outcome = f"what was there before is kept as {kept}"
    warnings.warn(
        f"a program was killed while it replaced {final}: {outcome}",
        HqsamWarning,
        stacklevel=6,
    )


def _remove(path: Path) -> None:
    """Remove a file or folder if it exists; ignore errors."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _output_error(path: Path, error: Exception) -> OutputError:
    """Make an OutputError from an error of the operating system."""
    remedy = "choose another name or folder"
    if isinstance(error, OSError) and error.errno in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
    ):
        remedy = "free some space or choose another disk"
    return OutputError(f"{path} was not written: {reason(error)}; {remedy}")
