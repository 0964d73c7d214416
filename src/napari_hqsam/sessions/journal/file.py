"""The journal: an append-only file with one line per event.

It knows lines, not their meaning. A line is on the disk (fsync) before `Journal.append`
returns: a killed process or a power cut can only lose the line that was being written,
and the next program that opens the file removes the rest of it.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamError, OutputError, reason
from napari_hqsam.files import Lock, replacing
from napari_hqsam.labels.target import check_file
from napari_hqsam.sessions.journal.lines import (
    FORMAT,
    VERSION,
    JournalError,
    Json,
    count_lines,
    end_of,
    is_save,
    read_whole,
    seal,
)
from napari_hqsam.sessions.journal.locking import _check_unused, _locked
from napari_hqsam.sessions.journal.paths import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WORK = "working on the same session"


class Journal:
    """A journal open for writing; made by `create` or `reopen`.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    end : int
        Its length up to the last complete line, bytes.
    checksum : int
        The checksum of that line.
    lock : Lock
        Held, so that no other session writes to the file.
    lines : int
        Number of complete lines, header included, without those of saving.
    """

    def __init__(
        self, path: Path, end: int, checksum: int, lock: Lock, lines: int
    ) -> None:
        self.path = path
        self.lines = lines
        """Number of complete lines, header included, that are no `SAVE`."""
        self._end, self._checksum, self._lock = end, checksum, lock
        self._file = path.open("r+b", buffering=0)
        if self._file.seek(0, os.SEEK_END) != end:  # else keep its modification time
            self._file.truncate(end)
        self._file.seek(end - 1)
        if self._file.read(1) != b"\n":  # removed by a text editor
            self._end += self._file.write(b"\n")

    @classmethod
    def create(
        cls, path: str | os.PathLike[str], header: Json | Callable[[], Json]
    ) -> Journal:
        """Create a journal.

        Parameters
        ----------
        path : str or os.PathLike
            A file that does not exist.
        header : dict or callable
            The first line, without format and version; or a callable that returns
            it, called once the journal is locked.

        Raises
        ------
        OutputError
            The file exists or cannot be written.
        JournalError
            Another session is creating it.

        Warns
        -----
        HqsamWarning
            The file system does not support locks.
        """

        def first() -> tuple[bytes, int, int]:
            fields = header() if callable(header) else header
            record = {"journal": FORMAT, "version": VERSION, **fields}
            return *seal(record, 0), 1  # never a journal without its header

        return cls._new(Path(path), first)

    @classmethod
    def _new(cls, path: Path, content: Callable[[], tuple[bytes, int, int]]) -> Journal:
        """Create the file; `content` returns bytes, last checksum, number of lines."""
        check_file(path)
        _check_free(path)
        lock, made = _locked(path), False
        try:
            _check_free(path)  # again, under the lock
            data, checksum, lines = content()
            with (
                replacing(path, mode=_mode_for(path), new=True) as partial,
                partial.open("xb", buffering=0) as file,
            ):
                _write(file.fileno(), data)
            made = True
            journal = cls(path, len(data), checksum, lock, lines)
        except BaseException as error:
            if made:  # created, but not usable
                with suppress(OSError):
                    path.unlink()
            lock.release(remove=not path.exists())
            if isinstance(error, OSError) and not isinstance(error, HqsamError):
                raise OutputError(
                    f"{path} cannot be written to ({reason(error)}); choose another "
                    "folder"
                ) from error
            raise
        lock.warn_if_unconfirmed(_WORK)
        return journal

    @classmethod
    def reopen(cls, path: str | os.PathLike[str]) -> tuple[Journal, list[Json]]:
        """Open a journal to append to it.

        Returns
        -------
        Journal
            The journal.
        list of dict
            Its lines so far, as of `read_lines`.

        Raises
        ------
        JournalError
            As `read_lines`, or it is in use.
        OutputError
            It cannot be written to.

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
            if end < path.stat().st_size:  # an incomplete line will be removed
                _check_unused(path, lock)
            journal = cls(path, end, checksum, lock, count_lines(lines))
            lock.warn_if_unconfirmed(_WORK)
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

    def append(self, record: Json) -> None:
        """Append a line; it is on the disk on return.

        Raises
        ------
        OutputError
            It cannot be written, or another program has changed the file; then the
            journal is as before.
        """
        line, checksum = seal(record, self._checksum)
        try:
            self._restore_file()
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
        self.lines += not is_save(record)

    def _restore_file(self) -> None:
        """Write the file again if another program has removed it while it was open.

        Otherwise new lines would go to the deleted file and be lost silently.

        Raises
        ------
        OSError
            It was cut short or replaced, or it cannot be written.
        """
        if self._size < self._end:
            raise OSError("another program has cut it short")
        if self._size > self._end:  # an incomplete line of a failed write
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
        """Whether the open file is still at its path."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(self._file.fileno()), there)

    def _content(self) -> bytes:
        """Return all lines of the open file, even if it was removed from its path."""
        self._file.seek(0)
        return self._file.read(self._end)

    @contextmanager
    def appended(self, record: Json) -> Iterator[None]:
        """Append a line, and remove it if the block raises."""
        end, checksum = self._end, self._checksum
        self.append(record)
        try:
            yield
        except BaseException:
            self._end, self._checksum = end, checksum
            self.lines -= not is_save(record)
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
        """Move the journal to another path; this object is closed.

        Parameters
        ----------
        path : str or os.PathLike
            A file that does not exist.
        keep : int, optional
            Leave this number of lines, as `lines` counts them, in the old file.
        locked : callable, optional
            Called when the new path is locked and free, before anything is written.

        Returns
        -------
        Journal
            The journal at the new path.

        Raises
        ------
        OutputError
            The file exists or cannot be written; then this journal stays open.
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
        """Close the file and release the lock. May be called twice."""
        self._file.close()
        self._lock.release()


def _check_free(path: Path) -> None:
    if os.path.lexists(path):
        raise OutputError(
            f"{path} exists: open that session again, or choose another name"
        )


def _mode_for(path: Path) -> int:
    """Return the permissions of a new journal: those of its labels, else 0600."""
    labels = path.with_name(path.name.removesuffix(SUFFIX))
    with suppress(OSError):
        if labels != path:
            return stat.S_IMODE(labels.stat().st_mode) & 0o666
    return 0o600


def _write(descriptor: int, data: bytes) -> None:
    """Write all data, and wait until it is on the disk."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)
