"""Locks on files: taken at once or not at all.

A lock is held by an open file, so the system lets go of it when its process dies.
Some disks, network drives above all, know no locks. There a lock is not confirmed:
work goes on, and whoever took it says so; but what would be wrong if another process
were at work as well, such as deleting what seems to be left behind, must not be done.
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
        The file that is locked; it stays when the lock is released.
    why_not : str
        Why the lock is not confirmed; empty where it is.
    """

    def __init__(self, path: Path, lock: FileLock, why_not: str = "") -> None:
        self.path, self.why_not = path, why_not
        self._lock = lock

    @property
    def confirmed(self) -> bool:
        """Whether no other process can hold it."""
        return not self.why_not

    def tell(self, what: str) -> None:
        """Warn if the lock is not confirmed.

        Parameters
        ----------
        what : str
            What it would keep others from, for the message.

        Warns
        -----
        HqsamWarning
            One line.
        """
        if not self.confirmed:
            warnings.warn(
                f"{self.path.parent} knows no locks ({self.why_not}): nothing keeps "
                f"another program from {what} at the same time, so do not",
                HqsamWarning,
                stacklevel=3,
            )

    def release(self, *, remove: bool = False) -> None:
        """Let go of it. May be called twice.

        Parameters
        ----------
        remove : bool
            Remove its file first, where the system can do that: whoever opened it
            meanwhile makes a new one.
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
        A file that serves as lock alone; it is made if there is none.

    Returns
    -------
    Lock or None
        None if another process, or another part of this one, holds it.
    """
    # A lock that is a file which exists, as where there is no flock, would outlive a
    # process that is killed.
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
