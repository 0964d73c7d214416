"""Reactions of the session when napari's own menu saves its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.viewer.files import save_listeners

if TYPE_CHECKING:
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.session.controller import SessionController


class NapariSaves:
    """Lets the journal go with labels that napari's own dialog saves.

    Parameters
    ----------
    sessions : SessionController
    """

    def __init__(self, sessions: SessionController) -> None:
        self._sessions = sessions
        save_listeners.LISTENERS.add(self)  # weakly: as long as its controller lives

    def has_labels(self, data: object) -> bool:
        """Whether these are the labels that are worked on."""
        target = self._sessions.target
        return target is not None and target.layer.data is data

    def session_on(self, data: object) -> Session | None:
        """Return the session on these labels, also if it is put aside."""
        if self.has_labels(data):
            return self._sessions.session
        return self._sessions.inactive.session_on(data)

    def before_save(self) -> None:
        """Write to the journal that the labels are about to be saved as they are.

        Raises
        ------
        OutputError
            It cannot be written to.
        """
        if self._sessions.labels is not None:
            self._sessions.labels.record_save()

    def after_save(self, path: str) -> None:
        """Move the journal to where the labels were saved."""
        self._sessions.move_journal(path)
