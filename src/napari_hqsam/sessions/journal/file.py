"""The journal: a file to which one line is added for each thing that was done.

It knows lines, not what they mean. A line is on the disk before `Journal.append`
returns: a killed process or a power cut can only lose the line that was being written,
and the next to open the file cuts off what there is of it.
"""

from __future__ import annotations

import math
import os
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamError, OutputError, reason
from napari_hqsam.files import Lock, replacing, try_lock
from napari_hqsam.labels.target import check_file
from napari_hqsam.sessions.journal.lines import (
    FORMAT,
    VERSION,
    JournalError,
    Json,
    count_lines,
    end_of,
    read_whole,
    seal,
    tells_of_saving,
)
from napari_hqsam.sessions.journal.paths import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WORK = "working on the same session"
_OLD = 600.0
"""Seconds after which a journal that cannot be locked is no longer being written."""


class Journal:
    """A journal that is being written; made by `create` or `reopen`.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    end : int
        Its length up to the last whole line, bytes.
    checksum : int
        The checksum of that line.
    lock : Lock
        Held, so that no other session writes to the file.
    lines : int
        Number of whole lines, header included, but for those that tell of saving.
    """

    def __init__(
        self, path: Path, end: int, checksum: int, lock: Lock, lines: int
    ) -> None:
        self.path = path
        self.lines = lines
        """Number of whole lines, header included, that are no `SAVE`."""
        self._end, self._checksum, self._lock = end, checksum, lock
        self._file = path.open("r+b", buffering=0)
        if self._file.seek(0, os.SEEK_END) != end:  # else its time stays what it was
            self._file.truncate(end)
        self._file.seek(end - 1)
        if self._file.read(1) != b"\n":  # taken off by an editor
            self._end += self._file.write(b"\n")

    @classmethod
    def create(
        cls, path: str | os.PathLike[str], header: Json | Callable[[], Json]
    ) -> Journal:
        """Begin a journal.

        Parameters
        ----------
        path : str or os.PathLike
            A file that does not exist.
        header : dict or callable
            What the first line says besides format and version; or gives that, once
            the journal is locked.

        Raises
        ------
        OutputError
            If the file exists or cannot be written.
        JournalError
            If another session is making it.

        Warns
        -----
        HqsamWarning
            If the disk knows no locks.
        """

        def first() -> tuple[bytes, int, int]:
            told = header() if callable(header) else header
            said = {"journal": FORMAT, "version": VERSION, **told}
            return *seal(said, 0), 1  # never a journal without its header

        return cls._new(Path(path), first)

    @classmethod
    def _new(cls, path: Path, content: Callable[[], tuple[bytes, int, int]]) -> Journal:
        """Make a file where there is none: bytes, last checksum, number of lines."""
        check_file(path)
        _check_free(path)
        lock, made = _locked(path), False
        try:
            _check_free(path)  # now nobody else can make it
            data, checksum, lines = content()
            with (
                replacing(path, mode=_mode_for(path), new=True) as partial,
                partial.open("xb", buffering=0) as file,
            ):
                _write(file.fileno(), data)
            made = True
            journal = cls(path, len(data), checksum, lock, lines)
        except BaseException as error:
            if made:  # but it cannot be gone on with
                with suppress(OSError):
                    path.unlink()
            lock.release(remove=not path.exists())
            if isinstance(error, OSError) and not isinstance(error, HqsamError):
                raise OutputError(
                    f"{path} cannot be written to ({reason(error)}); choose another "
                    "folder"
                ) from error
            raise
        lock.tell(_WORK)
        return journal

    @classmethod
    def reopen(cls, path: str | os.PathLike[str]) -> tuple[Journal, list[Json]]:
        """Go on with a journal.

        Returns
        -------
        Journal
            To be added to.
        list of dict
            Its lines so far, as of `read_lines`.

        Raises
        ------
        JournalError
            As `read_lines`, or if it is in use.
        OutputError
            If it cannot be written to.

        Warns
        -----
        HqsamWarning
            As `read_lines`.
        """
        path = Path(path)
        if not path.is_file():
            raise JournalError(f"{path} does not exist; check the name")
        lock = _locked(path)
        try:
            lines, end, checksum = read_whole(path)
            if end < path.stat().st_size:  # what is left of a line will be cut off
                _check_unused(path, lock)
            journal = cls(path, end, checksum, lock, count_lines(lines))
            lock.tell(_WORK)
            return journal, lines
        except HqsamError:
            lock.release()
            raise
        except OSError as error:
            lock.release()
            raise OutputError(
                f"{path} cannot be written to ({reason(error)}); copy it elsewhere"
            ) from error
        except BaseException:
            lock.release()
            raise

    def append(self, said: Json) -> None:
        """Add a line; it is on the disk on return.

        Raises
        ------
        OutputError
            If it cannot be written, or another program has changed it; then the
            journal is as before.
        """
        line, checksum = seal(said, self._checksum)
        try:
            self._keep_in_place()
            self._file.seek(self._end)
            _write(self._file.fileno(), line)
        except (OSError, ValueError) as error:  # ValueError: it was closed
            with suppress(OSError, ValueError):
                if self._size > self._end:
                    self._file.truncate(self._end)
            raise OutputError(
                f"{self.path} cannot be written to ({reason(error)}), so nothing was "
                "changed; free some space or save the labels elsewhere"
            ) from error
        self._end += len(line)
        self._checksum = checksum
        self.lines += not tells_of_saving(said)

    def _keep_in_place(self) -> None:
        """Put the file back that another program has removed while it was open.

        Else what is written to it would go with it, and nobody would know.

        Raises
        ------
        OSError
            It is cut short, another one is in its place, or it cannot be put back.
        """
        if self._size < self._end:
            raise OSError("another program has cut it short")
        if self._size > self._end:  # what is left of a line that was not written
            self._file.truncate(self._end)
        if self._is_there():
            return
        if not os.path.lexists(self.path):
            mode = stat.S_IMODE(os.fstat(self._file.fileno()).st_mode)
            with replacing(self.path, mode=mode, new=True) as partial:
                partial.write_bytes(self._content())
        elif self.path.read_bytes() != self._content():
            raise OSError("another program has put another file in its place")
        self._file.close()
        self._file = self.path.open("r+b", buffering=0)

    @property
    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def _is_there(self) -> bool:
        """Whether the open file still has its name."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(self._file.fileno()), there)

    def _content(self) -> bytes:
        """All lines: of the open file, also where it has lost its name."""
        self._file.seek(0)
        return self._file.read(self._end)

    @contextmanager
    def appended(self, said: Json) -> Iterator[None]:
        """Add a line, and take it back if an error leaves the block."""
        end, checksum = self._end, self._checksum
        self.append(said)
        try:
            yield
        except BaseException:
            self._end, self._checksum = end, checksum
            self.lines -= not tells_of_saving(said)
            with suppress(OSError):
                self._file.truncate(end)
            raise

    def moved(
        self,
        path: str | os.PathLike[str],
        *,
        keep: int | None = None,
        locked: Callable[[], None] | None = None,
    ) -> Journal:
        """Go on at another place; this journal is closed and its file removed.

        Parameters
        ----------
        path : str or os.PathLike
            A file that does not exist.
        keep : int, optional
            Number of lines, as `lines` counts them, that stay in the file here.
        locked : callable, optional
            Called when the place is locked and free, before anything is written.

        Returns
        -------
        Journal
            To go on with.

        Raises
        ------
        OutputError
            If it exists or cannot be written; then this journal goes on.
        """

        def content() -> tuple[bytes, int, int]:
            if locked is not None:
                locked()
            return self._content(), self._checksum, self.lines

        try:
            there = self._new(Path(path), content)
        except HqsamError:
            raise
        except (OSError, RuntimeError, ValueError) as error:  # no name of a file
            raise OutputError(
                f"the journal {self.path} cannot be moved to {path} ({reason(error)})"
            ) from error
        with suppress(OSError):
            if not self._is_there():
                pass  # it is another program's
            elif keep is None:
                self.path.unlink()
            else:
                self._file.truncate(end_of(self.path, keep))
        self.close()
        return there

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        self._file.close()
        self._lock.release()


def in_use(path: str | os.PathLike[str]) -> bool:
    """Whether a session writes to a journal now, in this process or another."""
    try:
        _locked(Path(path)).release()
    except JournalError:
        return True
    return False


def remove_journal(
    path: str | os.PathLike[str], *, base: Path | None = None, locked: bool = False
) -> None:
    """Remove a journal that nobody works on, and the labels that it began with.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    base : pathlib.Path, optional
        Those labels.
    locked : bool
        Leave it where the disk knows no locks, however old it is.

    Raises
    ------
    JournalError
        If it is in use, or may be.
    OutputError
        If it cannot be removed.
    """
    path = Path(path)
    with lock_unused(path, always=locked):
        try:
            path.unlink(missing_ok=True)
            if base is not None:
                base.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{path} cannot be removed ({reason(error)})") from error


def cut_journal(path: str | os.PathLike[str], keep: int) -> None:
    """Take the last lines off a journal.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    keep : int
        Number of lines that stay, as `Journal.lines` counts them.

    Raises
    ------
    JournalError
        If it is in use.
    OutputError
        If it cannot be written to.
    """
    path = Path(path)
    with lock_unused(path):
        try:
            os.truncate(path, end_of(path, keep))
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written to ({reason(error)})"
            ) from error


def lock_unused(path: Path, *, always: bool = False) -> Lock:
    """Take the lock of a journal that is to lose something: its name, or lines.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    always : bool
        Trust locks alone. Else the age of the file tells whether it is in use, where
        the disk knows no locks.

    Raises
    ------
    JournalError
        If it is in use, or may be.
    """
    lock = _locked(path)
    try:
        _check_unused(path, lock, always=always)
    except BaseException:
        lock.release()
        raise
    return lock


def _locked(path: Path) -> Lock:
    """Take the lock of a journal."""
    try:
        path = path.resolve()
    except (OSError, RuntimeError) as error:  # the latter: links in a circle
        raise JournalError(f"{path} cannot be found ({reason(error)})") from error
    lock = try_lock(path.with_name(f".{path.name}.lock"))
    if lock is None:
        raise JournalError(f"{path} is in use by another session; close that one first")
    return lock


def _check_unused(path: Path, lock: Lock, *, always: bool = False) -> None:
    """Raise unless nobody can be writing to a journal: it is to lose something.

    Where there are no locks, its age tells; never, if asked to trust locks alone.
    """
    with suppress(FileNotFoundError):
        age = 0.0 if always else time.time() - path.stat().st_mtime
        if not lock.confirmed and age < _OLD:
            raise JournalError(
                f"{path} may be in use by another program, since its folder knows no "
                f"locks ({lock.why_not}); close that one, and try again in "
                f"{math.ceil((_OLD - age) / 60)} minutes"
            )


def _check_free(path: Path) -> None:
    if os.path.lexists(path):
        raise OutputError(
            f"{path} exists: open that session again, or choose another name"
        )


def _mode_for(path: Path) -> int:
    """Permissions of a new journal: those of its labels, else the user's alone."""
    labels = path.with_name(path.name.removesuffix(SUFFIX))
    with suppress(OSError):
        if labels != path:
            return stat.S_IMODE(labels.stat().st_mode) & 0o666
    return 0o600


def _write(descriptor: int, data: bytes) -> None:
    """Write all of it, and wait until it is on the disk."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)
