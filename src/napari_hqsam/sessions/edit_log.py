"""Labels that are changed step by step, back and forth, and nothing of it is lost.

What is to be done comes as events, whose patches say what changes. Each is put
into the journal first, and only then written to the labels: so the journal is
never behind them, and what it says can be done and undone on any labels, with
or without a viewer. How labels are written to is the business of the `Target`.
"""

from __future__ import annotations

import datetime
import shutil
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamError, OutputError, reason
from napari_hqsam.files import replacing
from napari_hqsam.labels.target import check_writable
from napari_hqsam.sessions.history import History
from napari_hqsam.sessions.journal.paths import base_path, find_base
from napari_hqsam.sessions.journal.records import Save

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from napari_hqsam.sessions.journal.file import Journal
    from napari_hqsam.sessions.journal.headers import Header
    from napari_hqsam.sessions.journal.lines import Json
    from napari_hqsam.sessions.journal.records import Event
    from napari_hqsam.sessions.patches import Target, Write


class EditLog:
    """Labels, their history and its journal, kept in step.

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
    """

    def __init__(
        self,
        target: Target,
        header: Header,
        history: History | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.target, self.header, self.journal = target, header, journal
        self.history = history or History(header.labels)
        self._group: str | None = None
        self.context: Json = {}
        """What the journal told last of how the session is worked on."""
        self.tell_context: Callable[[], Json] | None = None
        """Gives what the next line shall tell of that; written where it changed."""

    def move(self, path: str | os.PathLike[str], *, keep: int | None = None) -> None:
        """Move the journal, such as to where the labels have just been saved.

        Parameters
        ----------
        path : str or os.PathLike
            Where there is no journal; see `journal_path`. The labels that the
            session started from, if any, go with it.
        keep : int, optional
            Leave a journal of so many lines here, header included: that of labels
            which were saved here before.

        Raises
        ------
        OutputError
            If files exist there or cannot be written; then the journal stays.
        """
        if self.journal is None:
            return
        here, copy, copied = self.journal.path, base_path(path), False
        base = find_base(here, self.header.labels.base)

        def copy_base() -> None:
            nonlocal copied
            if base is not None:
                check_writable(copy, overwrite=False)
                with replacing(copy, new=True) as partial:
                    shutil.copyfile(base, partial)
                copied = True

        try:
            self.journal = self.journal.moved(path, keep=keep, locked=copy_base)
        except BaseException:
            if copied:
                with suppress(OSError):
                    copy.unlink(missing_ok=True)
            raise
        # One of another name may be another session's as well.
        if base == base_path(here) and keep is None:
            with suppress(OSError):
                base.unlink(missing_ok=True)

    def note_save(self, digest: str, lines: int) -> None:
        """Tell the journal that labels are about to be saved.

        Parameters
        ----------
        digest : str
            `labels_digest` of them.
        lines : int
            How many lines of the journal they have, as `Journal.lines` counts them.

        Raises
        ------
        OutputError
            If it cannot be written to.
        """
        if self.journal is not None:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            self.journal.append({"time": now, **Save(digest, lines).to_json()})

    def close(self) -> None:
        """Let go of the journal. May be called twice."""
        if self.journal is not None:
            self.journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def do(self, event: Event, *, written: bool = False) -> None:
        """Do something, as one step or as a part of one.

        Parameters
        ----------
        event : Event
            What.
        written : bool
            Whether the labels have it already.

        Raises
        ------
        OutputError
            If the journal or the labels cannot be written to.
        """
        group = {} if self._group is None else {"group": self._group}
        later = self.history.later(event, self._group)
        passed = {"later": later} if later else {}
        with self._entered(event.to_json() | group | passed):
            if not written:
                self._write([event])
        self.history.do(event, self._group, later)

    def repeat(self, event: Event, group: str | None, later: int) -> None:
        """Do what a journal tells, as the part of a step that it was; see `History`.

        Raises
        ------
        OutputError
            If the labels cannot be written to.
        """
        self._write([event])
        self.history.do(event, group, later)

    def undo(self) -> bool:
        """Undo the last step; False if there is none.

        Raises
        ------
        OutputError
            If the journal or the labels cannot be written to.
        """
        step = self.history.to_undo
        if step:
            with self._entered({"event": "undo"}):
                self._write(step, back=True)
            self.history.undo()
        return bool(step)

    def redo(self) -> bool:
        """Do the step undone last once more; False if there is none.

        Raises
        ------
        OutputError
            If the journal or the labels cannot be written to.
        """
        step = self.history.to_redo
        if step:
            with self._entered({"event": "redo"}):
                self._write(step)
            self.history.redo()
        return bool(step)

    @contextmanager
    def grouped(self, name: str | None = None) -> Iterator[None]:
        """Make one step, to be undone at once, of all that is done in the block.

        Parameters
        ----------
        name : str, optional
            Blocks of one name are one step together, unless something was undone
            in between, or done to the same pixels or objects on the same plane.
            For names that are never used again, such as those of `uuid.uuid4`.
        """
        outer = self._group
        if outer is None:
            self._group = name or uuid.uuid4().hex
        try:
            yield
        finally:
            self._group = outer

    def restore(self) -> None:
        """Bring the labels to the state that the session is in.

        From the labels that it started from (new ones, or a copy of its base), or
        from its own of any time: the last step may be written to them in part or not
        at all, and they may hold steps that were undone since.

        Raises
        ------
        OutputError
            If the labels cannot be written to.
        """
        with _refusals():
            self.target.write(self._writes([*self.history.dropped], back=True))
            self.target.write(self._writes([*self.history.undone], back=True))
            self.target.write(self._writes([*self.history.events]))

    @contextmanager
    def _entered(self, line: Json) -> Iterator[None]:
        """Write a line to the journal; it is taken back if the block raises."""
        if self.journal is None:
            yield
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        context = self.context if self.tell_context is None else self.tell_context()
        changed = {} if context == self.context else {"context": context}
        with self.journal.appended({"time": now, **line, **changed}):
            yield
        self.context = context

    def _write(self, events: Sequence[Event], *, back: bool = False) -> None:
        """Write what events change to the labels, or what was there before."""
        with _refusals():
            try:
                self.target.write(self._writes(events, back=back))
            except BaseException:
                with suppress(Exception):
                    self.target.write(self._writes(events, back=not back))
                raise

    def _writes(
        self, events: Sequence[Event], *, back: bool = False
    ) -> Iterator[Write]:
        """Yield what to write to the labels to do events, or to undo them."""
        dtype = self.target.array.dtype
        patches = [patch for event in events for patch in event.patches]
        for patch in reversed(patches) if back else patches:
            yield patch.write(dtype, back=back)


@contextmanager
def _refusals() -> Iterator[None]:
    """Say in one line why labels could not be written to."""
    try:
        yield
    except (HqsamError, MemoryError):
        raise
    except Exception as error:  # each kind of array has its own
        raise OutputError(
            f"the labels cannot be changed ({reason(error)}); choose others, or save "
            "these under another name"
        ) from error
