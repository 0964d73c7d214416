"""Listeners that are called when napari saves a Labels layer by its own menu.

The writer of the manifest knows neither widgets nor sessions; those that work on labels
listen here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from napari_hqsam.sessions.session import Session


class Listener(Protocol):
    """Has the session of a layer's labels, and its journal."""

    def has_labels(self, data: object) -> bool:
        """Whether these are the labels that are worked on."""

    def session_on(self, data: object) -> Session | None:
        """Return the session on these labels, also if it is not in use now."""

    def before_save(self) -> None:
        """Record in the journal that the labels are about to be saved."""

    def after_save(self, path: str) -> None:
        """Move the journal to where the labels were saved."""


LISTENERS: WeakSet[Listener] = WeakSet()


def session_on(data: object) -> Session | None:
    """Return the session on labels, if there is one in this napari."""
    found = (listener.session_on(data) for listener in list(LISTENERS))
    return next((session for session in found if session is not None), None)


def before_save(data: object) -> None:
    """Notify the listener of labels that they are about to be saved.

    Raises
    ------
    OutputError
        Their journal cannot be written to.
    """
    for listener in list(LISTENERS):
        if listener.has_labels(data):
            listener.before_save()


def after_save(path: str, data: object) -> None:
    """Notify the listener of labels of the path where they were saved."""
    for listener in list(LISTENERS):
        if listener.has_labels(data):
            listener.after_save(path)
