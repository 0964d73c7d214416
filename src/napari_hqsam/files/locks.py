"""Non-blocking locks on files.

A lock belongs to an open file, so the system releases it when its process dies. Some
file systems, mostly network drives, do not support locks. There a lock is not
confirmed: work continues with a warning, but nothing may be done that is wrong while
another process works too, such as deleting its temporary files.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from napari_hqsam.errors import HqsamWarning, reason

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self


class Lock:
    """A lock that was taken, by `try_lock`.

    Attributes
    ----------
    path : pathlib.Path
        The lock file; it is not removed on release.
    why_not : str
        Why the lock is not confirmed; empty if it is.
    """

    def __init__(self, path: Path, lock: FileLock, why_not: str = "") -> None:
        self.path, self.why_not = path, why_not
        self._lock = lock

    @property
    def confirmed(self) -> bool:
        """Whether no other process can hold the lock."""
        return not self.why_not

    def warn_if_unconfirmed(self, what: str) -> None:
        """Warn if the lock is not confirmed.

        Parameters
        ----------
        what : str
            What the lock prevents, for the message.

        Warns
        -----
        HqsamWarning
            One line.
        """
        if not self.confirmed:
            warnings.warn(
                f"{self.path.parent} does not support locks ({self.why_not}): nothing "
                f"keeps another program from {what} at the same time, so do not",
                HqsamWarning,
                stacklevel=3,
            )

    def release(self, *, remove: bool = False) -> None:
        """Release the lock. May be called twice.

        Parameters
        ----------
        remove : bool
            Remove the lock file first, where the system allows that: a process that
            opened it meanwhile creates a new one.
        """
        if remove and self.confirmed:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
        with suppress(OSError):  # the file is closed all the same, or on exit
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def try_lock(path: Path) -> Lock | None:
    """Take the lock of a file, without waiting.

    Parameters
    ----------
    path : pathlib.Path
        A file that is used as lock only; created if missing.

    Returns
    -------
    Lock or None
        None if another process, or another part of this one, holds it.
    """
    # no soft locks (a file that exists): they would outlive a killed process
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    if not path.parent.is_dir():  # else it would be made
        return Lock(path, lock, "there is no such folder")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    except (OSError, NotImplementedError) as error:
        return Lock(path, lock, reason(error))
    return Lock(path, lock)
