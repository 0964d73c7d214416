"""A session: objects in labels, and what can be done with them.

An `EditBuilder` computes what a change does to the labels, the `EditLog` does it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.sessions.beginning import begin_journal, reopen_journal
from napari_hqsam.sessions.edit_log import EditLog
from napari_hqsam.sessions.edits import EditBuilder
from napari_hqsam.sessions.features import feature_row, feature_table
from napari_hqsam.sessions.journal.records import AcceptOptions

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, Self, TypeAlias

    import numpy as np
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, Plane, PlaneIndex, Space
    from napari_hqsam.labels.painting import Overlap
    from napari_hqsam.masks import Mask
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.history import History
    from napari_hqsam.sessions.journal.file import Journal
    from napari_hqsam.sessions.journal.headers import Header, ImageRecord, Setup
    from napari_hqsam.sessions.journal.lines import Json
    from napari_hqsam.sessions.journal.records import Accept, Edit
    from napari_hqsam.sessions.objects import ObjectTable
    from napari_hqsam.sessions.patches import Target
    from napari_hqsam.sessions.strokes import Stroke

    OnPlane: TypeAlias = Plane | PlaneIndex | None


class Session:
    """Objects in labels, each with the prompts it was made from.

    Made by `create` or `open`; without a journal also directly. One thread at a
    time. Every method that changes the labels leaves all as it was if it raises, and
    raises OutputError if the journal or the labels cannot be written to.

    Parameters
    ----------
    target : Target
        The labels.
    header : Header
        Image, labels, model.
    history : History, optional
        What was done already.
    journal : Journal, optional
        Where all that is done is written to; None: nowhere.

    Attributes
    ----------
    log : EditLog
        Labels, history and journal, kept in step.
    """

    def __init__(
        self,
        target: Target,
        header: Header,
        history: History | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.log = EditLog(target, header, history, journal)
        self._edits = EditBuilder(self.log)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        target: Target,
        *,
        image: ImageRecord,
        setup: Setup,
        space: Space | None = None,
        found: bool = True,
    ) -> Session:
        """Begin a session and its journal.

        Parameters
        ----------
        path : str or os.PathLike
            The journal, which must not exist; see `journal_path`.
        target : Target
            The labels.
        image : ImageRecord
            What is segmented.
        setup : Setup
            With which model.
        space : Space, optional
            Of the labels, as for `labels_on_disk`.
        found : bool
            Whether the labels may hold objects already. They are read once, and
            if there are any, copied to a TIFF beside the journal, from which
            they can be replayed. False saves the reading where they are new.

        Raises
        ------
        OutputError
            If the journal exists or cannot be written.
        ImageError
            If the space does not fit the labels, or those are no integers.
        """
        begun = begin_journal(Path(path), target, image, setup, space, found=found)
        header, journal = begun
        return cls(target, header, journal=journal)

    @classmethod
    def open(cls, path: str | os.PathLike[str], target: Target) -> Session:
        """Go on with a session; the labels are not touched, see `restore`.

        Parameters
        ----------
        path : str or os.PathLike
            Its journal.
        target : Target
            Its labels, of the same shape as before.

        Raises
        ------
        JournalError
            If the journal cannot be read, is damaged or in use.
        ImageError
            If the labels are of another shape.

        Warns
        -----
        HqsamWarning
            If the last line of the journal was cut short.
        """
        recorded, journal = reopen_journal(path, target)
        session = cls(target, recorded.header, recorded.history, journal)
        session.context = recorded.context
        return session

    # --- what there is ---------------------------------------------------

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
        """What was done."""
        return self.log.history

    @property
    def journal(self) -> Journal | None:
        """Where all that is done is written to."""
        return self.log.journal

    @property
    def context(self) -> Json:
        """What the journal told last of how the session is worked on."""
        return self.log.context

    @context.setter
    def context(self, context: Json) -> None:
        self.log.context = context

    @property
    def tell_context(self) -> Callable[[], Json] | None:
        """Gives what the next line shall tell of that; written where it changed."""
        return self.log.tell_context

    @tell_context.setter
    def tell_context(self, tell: Callable[[], Json] | None) -> None:
        self.log.tell_context = tell

    @property
    def table(self) -> ObjectTable:
        """The objects."""
        return self.log.history.table

    @property
    def next_id(self) -> int:
        """The id that the next new object gets."""
        return self._edits.new_id()

    def features(self) -> dict[str, list[Any]]:
        """Tell what is known of all objects; see `feature_table`."""
        return feature_table(self.table)

    def feature_row(self, label_id: int) -> list[Any]:
        """Tell what is known of one object; see `features.feature_row`."""
        return feature_row(self.table, label_id)

    def reopen(self, label_id: int, plane: OnPlane = None) -> tuple[Accept, ...]:
        """Return the masks that an object was made from, with their prompts.

        To change it, segment again with other prompts and `accept` the mask
        with ``replaces=True``.

        Parameters
        ----------
        label_id : int
            Which object.
        plane : Plane or mapping of str to int, optional
            On which plane; None: on all.

        Returns
        -------
        tuple of Accept
            Each with plane, prompt, options and mask. Several where parts were
            added or objects merged; none where it was made by hand.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        return self._edits.reopen(label_id, plane)

    def pixels(
        self, label_id: int, plane: OnPlane = None
    ) -> tuple[Box, NDArray[np.bool_]]:
        """Return the pixels of an object on a plane, as the labels have them now.

        Returns
        -------
        bbox : tuple of int
            A box ``(y0, x0, y1, x1)`` that holds them, not always the smallest.
        data : ndarray
            bool, of the size of the box.
        """
        return self._edits.pixels(label_id, plane)

    # --- changes ---------------------------------------------------------

    def accept(
        self,
        mask: Mask,
        prompt: Prompt,
        *,
        plane: OnPlane = None,
        label_id: int | None = None,
        options: AcceptOptions | None = None,
        setup: Setup | None = None,
        replaces: bool = False,
    ) -> int:
        """Make an object of a mask, or add it to one.

        Parameters
        ----------
        mask : Mask
            The mask.
        prompt : Prompt
            What it was made from.
        plane : Plane or mapping of str to int, optional
            Where; by default the prompt's own plane, or the only one.
        label_id : int, optional
            The object; by default the prompt's own, or a new one.
        options : AcceptOptions, optional
            How the mask was made, and who gets pixels that are taken.
        setup : Setup, optional
            With which model, where not with that of the header.
        replaces : bool
            Whether the mask takes the place of what the object has on this
            plane: it loses its other pixels there, unless the overlap is
            "empty", which never changes a pixel that has an id.

        Returns
        -------
        int
            The object's id.

        Raises
        ------
        PromptError
            If the object would have no pixels.
        ImageError
            If the id, the plane or the mask do not fit the labels.
        """
        how = options or AcceptOptions(), setup or self.header.setup
        accept = self._edits.accept(
            mask, prompt, *how, plane=plane, label_id=label_id, replaces=replaces
        )
        self.log.do(accept)
        return accept.label_id

    def delete(self, label_id: int, plane: OnPlane = None) -> None:
        """Remove an object from a plane, or from everywhere.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        self.log.do(self._edits.delete(label_id, plane))

    def merge(self, label_ids: Sequence[int]) -> int:
        """Make one object of several, everywhere.

        Parameters
        ----------
        label_ids : sequence of int
            The first gives its id, even if it has no pixels.

        Returns
        -------
        int
            The id.

        Raises
        ------
        PromptError
            If there are less than two, or another than the first is unknown.
        """
        edit = self._edits.merge(label_ids)
        self.log.do(edit)
        return edit.ids[0]

    def split(
        self,
        label_id: int,
        bbox: Box,
        data: NDArray[np.bool_],
        plane: OnPlane = None,
    ) -> int:
        """Make the part of an object that lies under a mask an object of its own.

        Parameters
        ----------
        label_id : int
            The object.
        bbox, data
            The mask, as for `paint`.
        plane : Plane or mapping of str to int, optional
            Where; by default the only plane.

        Returns
        -------
        int
            The id of the new object.

        Raises
        ------
        PromptError
            If none or all of the object's pixels on the plane lie under the mask.
        ImageError
            If the mask does not fit the plane, or no id is left.
        """
        edit = self._edits.split(label_id, bbox, data, plane)
        self.log.do(edit)
        return edit.ids[1]

    def reshape(
        self,
        label_id: int,
        bbox: Box,
        data: NDArray[np.bool_],
        plane: OnPlane = None,
        *,
        overlap: Overlap = "keep",
    ) -> None:
        """Give an object other pixels on a plane, such as after cleaning it.

        Its prompts stay as they are.

        Parameters
        ----------
        label_id : int
            The object.
        bbox, data, overlap
            The mask that takes the place of its pixels, as for `paint`.
        plane : Plane or mapping of str to int, optional
            Where; by default the only plane.

        Raises
        ------
        PromptError
            If there is no such object.
        ImageError
            If the mask does not fit the plane.
        """
        edit = self._edits.reshape(label_id, bbox, data, plane, overlap=overlap)
        self.log.do(edit)

    def derive(
        self,
        label_id: int,
        bbox: Box,
        data: NDArray[np.bool_],
        plane: OnPlane = None,
        *,
        confidence: float | None,
    ) -> bool:
        """Give an object pixels on a plane where it has no prompts.

        As where it was followed from other planes, or found automatically. They
        take the place of its pixels there; those of other objects are kept.

        Parameters
        ----------
        label_id : int
            The object; it may be new.
        bbox, data
            The mask, as for `paint`.
        plane : Plane or mapping of str to int, optional
            Where; by default the only plane.
        confidence : float or None
            How sure it is, 0..1. None: the object was not found there, and what it
            has there goes; the mask does not count.

        Returns
        -------
        bool
            Whether the object has pixels there now.

        Raises
        ------
        ImageError
            If the id, the plane or the mask do not fit the labels.
        """
        edit = self._edits.derive(label_id, bbox, data, plane, confidence=confidence)
        if self._edits.is_news(edit):
            self.log.do(edit)
        return edit.confidence is not None

    def record(self, strokes: Sequence[Stroke]) -> None:
        """Take note of what others did to the labels, such as napari's brush.

        The labels have it already. It can be undone as all else.

        Parameters
        ----------
        strokes : sequence of Stroke
            In order.

        Raises
        ------
        OutputError
            If the journal cannot be written to.
        """
        edit = self._edits.brush(strokes)
        if edit is not None:
            self.log.do(edit, written=True)

    def record_replaced(self, before: Any) -> bool:  # noqa: ANN401
        """Take note that others have put other labels in the place of these.

        The target has the new ones already. It can be undone as all else.

        Parameters
        ----------
        before : array-like
            The labels of before, of the same shape; read window by window.

        Returns
        -------
        bool
            Whether a pixel differs.

        Raises
        ------
        OutputError
            If the journal cannot be written to.
        """
        edit = self._edits.replaced(before)
        if edit is not None:
            self.log.do(edit, written=True)
        return edit is not None

    def repeat(self, edit: Edit) -> None:
        """Do an edit of another session, pixel by pixel, whatever is there now."""
        self.log.do(self._edits.again(edit))

    # --- back and forth, and where it is kept: see `EditLog` --------------

    def undo(self) -> bool:
        """Undo the last step; see `EditLog.undo`."""
        return self.log.undo()

    def redo(self) -> bool:
        """Do the step undone last once more; see `EditLog.redo`."""
        return self.log.redo()

    def grouped(self, name: str | None = None) -> AbstractContextManager[None]:
        """Make one step of all that is done in the block; see `EditLog.grouped`."""
        return self.log.grouped(name)

    def restore(self) -> None:
        """Bring the labels to the session's state; see `EditLog.restore`."""
        self.log.restore()

    def move(self, path: str | os.PathLike[str], *, keep: int | None = None) -> None:
        """Move the journal; see `EditLog.move`."""
        self.log.move(path, keep=keep)

    def note_save(self, digest: str, lines: int) -> None:
        """Tell the journal that labels are about to be saved; see `EditLog`."""
        self.log.note_save(digest, lines)

    def close(self) -> None:
        """Let go of the journal. May be called twice."""
        self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
