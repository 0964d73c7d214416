"""Who is told when napari saves a Labels layer by its own menu.

The writer knows neither widgets nor sessions; those that work on labels listen here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from napari_hqsam.sessions.session import Session


class Listener(Protocol):
    """What works on the labels of a layer, and has a journal of them."""

    def holds(self, data: object) -> bool:
        """Whether these are the labels that are worked on."""

    def session_on(self, data: object) -> Session | None:
        """Return the session on these labels, also if it is put aside."""

    def before_saved(self) -> None:
        """Take note that they are about to be saved as they are."""

    def follow(self, path: str) -> None:
        """Let the journal go with them to where they were saved."""


LISTENERS: WeakSet[Listener] = WeakSet()


def session_on(data: object) -> Session | None:
    """Return the session on labels, if there is one in this napari."""
    found = (listener.session_on(data) for listener in list(LISTENERS))
    return next((session for session in found if session is not None), None)


def record_save(data: object) -> None:
    """Tell those who work on labels that these are about to be saved.

    Raises
    ------
    OutputError
        Their journal cannot be written to.
    """
    for listener in list(LISTENERS):
        if listener.holds(data):
            listener.before_saved()


def follow_saved(path: str, data: object) -> None:
    """Tell those who work on labels where these have been saved."""
    for listener in list(LISTENERS):
        if listener.holds(data):
            listener.follow(path)
