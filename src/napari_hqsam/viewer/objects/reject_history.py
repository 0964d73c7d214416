"""Rejects that undo can take back."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.sessions.journal.events import Event

KEPT_REJECTS = 20


class Reject(NamedTuple):
    """A reject: the last event of the session then, and how it is taken back.

    Attributes
    ----------
    after : Event or None
        Last event that was done when it was rejected.
    restore : callable
        Takes it back; returns False where it cannot.
    text : str
        Then told to the user.
    """

    after: Event | None
    restore: Callable[[], bool]
    text: str


class RejectHistory:
    """The last `KEPT_REJECTS` rejects, which the journal does not record."""

    def __init__(self) -> None:
        self._rejects: deque[Reject] = deque(maxlen=KEPT_REJECTS)

    def add(self, reject: Reject) -> None:
        """Remember a reject."""
        self._rejects.append(reject)

    def clear(self) -> None:
        """Forget all."""
        self._rejects.clear()

    def undo(self, last: Event | None) -> str | None:
        """Take back the last reject.

        Parameters
        ----------
        last : Event or None
            Last event of the session that is done.

        Returns
        -------
        str or None
            What to tell the user; None: there is no reject, it cannot be taken back, or
            a step was done since.
        """
        if not self._rejects:
            return None
        reject = self._rejects[-1]
        if reject.after is not last or not reject.restore():
            return None
        self._rejects.pop()
        return reject.text
