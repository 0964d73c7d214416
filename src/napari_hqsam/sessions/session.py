"""A session: labels, their objects, the history of edits, and the journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.sessions.edit_log import EditLog
from napari_hqsam.sessions.object_editor import ObjectEditor
from napari_hqsam.sessions.opening import create_journal, open_journal

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Self

    from napari_hqsam.geometry import Space
    from napari_hqsam.sessions.changes.target import Target
    from napari_hqsam.sessions.history import History
    from napari_hqsam.sessions.journal.file import Journal
    from napari_hqsam.sessions.journal.headers import Header, ImageRecord, ModelRecord
    from napari_hqsam.sessions.journal.lines import Json


class Session(ObjectEditor):
    """Objects in labels, each with the prompts it was made from.

    Made by `create` or `open`; directly if no journal is needed. Not thread-safe.
    How objects are read and edited: see `ObjectReader` and `ObjectEditor`.

    Parameters
    ----------
    target : Target
        The labels.
    header : Header
        Image, labels, model.
    history : History, optional
        Events so far.
    journal : Journal, optional
        Receives each event; None: they are not recorded.

    Attributes
    ----------
    log : EditLog
        Labels, history and journal.
    """

    def __init__(
        self,
        target: Target,
        header: Header,
        history: History | None = None,
        journal: Journal | None = None,
    ) -> None:
        super().__init__(EditLog(target, header, history, journal))

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        target: Target,
        *,
        image: ImageRecord,
        setup: ModelRecord,
        space: Space | None = None,
        found: bool = True,
    ) -> Session:
        """Create a session and its journal.

        Parameters
        ----------
        path : str or os.PathLike
            The journal, which must not exist; see `journal_path`.
        target : Target
            The labels.
        image : ImageRecord
            The image.
        setup : ModelRecord
            The model.
        space : Space, optional
            Space of the labels, as for `labels_on_disk`.
        found : bool
            Whether the labels may hold objects already. Then they are read once, and
            copied to a TIFF beside the journal if there are any, so that the session
            can be replayed. False saves the reading where the labels are new.

        Raises
        ------
        OutputError
            The journal exists or cannot be written.
        ImageError
            The space does not fit the labels, or those are no integers.
        """
        created = create_journal(Path(path), target, image, setup, space, found=found)
        header, journal = created
        return cls(target, header, journal=journal)

    @classmethod
    def open(cls, path: str | os.PathLike[str], target: Target) -> Session:
        """Open a session to continue it; the labels are not changed, see `restore`.

        Parameters
        ----------
        path : str or os.PathLike
            Its journal.
        target : Target
            Its labels, of the same shape as before.

        Raises
        ------
        JournalError
            The journal cannot be read, is damaged or in use.
        ImageError
            The labels have another shape.

        Warns
        -----
        HqsamWarning
            The last line of the journal was cut short.
        """
        recorded, journal = open_journal(path, target)
        session = cls(target, recorded.header, recorded.history, journal)
        session.context = recorded.context
        return session

    @property
    def target(self) -> Target:
        """The labels."""
        return self.log.target

    @target.setter
    def target(self, target: Target) -> None:
        self.log.target = target

    @property
    def header(self) -> Header:
        """Image, labels, model."""
        return self.log.header

    @property
    def history(self) -> History:
        """Events so far."""
        return self.log.history

    @property
    def journal(self) -> Journal | None:
        """The journal that receives each event."""
        return self.log.journal

    @property
    def context(self) -> Json:
        """The state of the program as recorded last; see `EditLog.context`."""
        return self.log.context

    @context.setter
    def context(self, context: Json) -> None:
        self.log.context = context

    @property
    def current_context(self) -> Callable[[], Json] | None:
        """Callable that returns the current state; see `EditLog.current_context`."""
        return self.log.current_context

    @current_context.setter
    def current_context(self, get: Callable[[], Json] | None) -> None:
        self.log.current_context = get

    def undo(self) -> bool:
        """Undo the last step; see `EditLog.undo`."""
        return self.log.undo()

    def redo(self) -> bool:
        """Redo the step undone last; see `EditLog.redo`."""
        return self.log.redo()

    def grouped(self, name: str | None = None) -> AbstractContextManager[None]:
        """Make one step of all edits in the block; see `EditLog.grouped`."""
        return self.log.grouped(name)

    def restore(self) -> None:
        """Bring the labels to the session's state; see `EditLog.restore`."""
        self.log.restore()

    def move(self, path: str | os.PathLike[str], *, keep: int | None = None) -> None:
        """Move the journal; see `EditLog.move`."""
        self.log.move(path, keep=keep)

    def record_save(self, digest: str, lines: int) -> None:
        """Record that the labels are about to be saved; see `EditLog.record_save`."""
        self.log.record_save(digest, lines)

    def close(self) -> None:
        """Close the journal. May be called twice."""
        self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
