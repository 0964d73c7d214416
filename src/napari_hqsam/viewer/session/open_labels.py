"""Labels that are worked on: their layer, their session, and what of it is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_hqsam.errors import OutputError, reason
from napari_hqsam.labels import labels_digest
from napari_hqsam.viewer.files.journal_files import move_journal
from napari_hqsam.viewer.files.sessions_folder import sessions_folder
from napari_hqsam.viewer.files.unsaved_sessions import (
    label_file,
    note_saved,
    saved_lines,
)
from napari_hqsam.viewer.session.object_rows import ObjectRows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari.layers import Image

    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.session.target.layer_target import LayerTarget


class OpenLabels:
    """Labels of an image, and the session on them if it was begun.

    Parameters
    ----------
    image : Image
    target : LayerTarget
    is_new : bool
        Whether the layer was made for this and has no objects but the session's.

    Attributes
    ----------
    session : Session or None
    """

    def __init__(self, image: Image, target: LayerTarget, *, is_new: bool) -> None:
        self.image, self.target, self.is_new = image, target, is_new
        self.session: Session | None = None
        self._rows: ObjectRows | None = None
        self._saved_lines = 1  # of the journal, that a label file has

    def start_session(self, session: Session, saved: int | None) -> None:
        """Continue a session that is open on these labels or on a copy of them.

        Parameters
        ----------
        session : Session
        saved : int or None
            How many lines of its journal are in a label file; None: look it up.

        Raises
        ------
        OutputError
            The session goes on, but after a crash it will not be offered.
        """
        assert session.journal is not None
        session.target = self.target
        journal = session.journal.path
        self.session = session
        self._saved_lines = saved or saved_lines(journal)
        self.rebuild_rows()
        self.target.history.mark()
        try:
            note_saved(journal, self._saved_lines)
        except OSError as error:
            raise OutputError(
                f"a crash would not be noticed: {sessions_folder()} cannot be "
                f"written to ({reason(error)})"
            ) from error

    def close(self) -> None:
        """Close the session; its journal contains all edits."""
        if self.session is not None:
            self.session.close()
            self.session = self._rows = None

    def step(self, which: Literal["undo", "redo"]) -> bool:
        """Undo or redo a step of the session; False if there is none.

        Raises
        ------
        OutputError
            The labels or the journal cannot be written to.
        """
        session = self.session
        if session is None:
            return False
        done = session.undo() if which == "undo" else session.redo()
        if done and self._rows is not None:
            history = session.history
            undone = which == "undo"
            self._rows.update(history.to_redo if undone else history.to_undo)
            self.show_rows()
        return done

    # --- the table of objects --------------------------------------------------

    def rebuild_rows(self) -> None:
        """Make the rows of all objects anew."""
        if self.session is not None:
            self._rows = ObjectRows(self.session)

    def update_last_step(self) -> None:
        """Update the rows of the objects that the last step touched."""
        if self.session is not None and self._rows is not None:
            self._rows.update(self.session.history.to_undo)

    def update_objects(self, label_ids: Iterable[int]) -> None:
        """Update the rows of objects."""
        if self._rows is not None:
            self._rows.update_objects(label_ids)

    def show_rows(self) -> None:
        """Assign the rows to the features table of the layer."""
        if self._rows is not None:
            self._rows.show(self.target.layer)

    # --- what is saved ---------------------------------------------------------

    @property
    def journal_lines(self) -> int:
        """Number of lines in the journal."""
        journal = None if self.session is None else self.session.journal
        return 1 if journal is None else journal.lines

    @property
    def unsaved_steps(self) -> int:
        """Number of changes of the session that no label file has."""
        return max(self.journal_lines - self._saved_lines, 0)

    @property
    def file(self) -> Path | None:
        """The label file that the session was saved in last."""
        journal = None if self.session is None else self.session.journal
        return None if journal is None else label_file(journal.path)

    def record_save(self) -> None:
        """Write to the journal that the labels are about to be saved as they are.

        Raises
        ------
        OutputError
            It cannot be written to.
        """
        if self.session is not None:
            digest = labels_digest(self.target.array)
            self.session.record_save(digest, self.journal_lines)

    def move_journal(self, path: str, lines: int | None = None) -> None:
        """Move the journal beside the file that the labels were saved in.

        Parameters
        ----------
        path : str
            Path of the label file.
        lines : int, optional
            How many lines of the journal are in it; by default all.

        Raises
        ------
        OutputError
            It cannot be moved, and stays where it is.
        """
        if self.session is not None:
            saved = self.journal_lines if lines is None else lines
            move_journal(self.session, path, saved, self._saved_lines)
            self._saved_lines = saved
