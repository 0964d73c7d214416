"""Apply events to labels, with undo, redo and a write-ahead journal.

Each event carries the patches that it changes. It is appended to the journal first and
then written to the labels, so the journal is never behind them, and its events can be
applied and undone on any labels, with or without a viewer. How labels are written is up
to the `Target`.
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
from napari_hqsam.sessions.journal.events import Save
from napari_hqsam.sessions.journal.paths import base_path, find_base

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from napari_hqsam.sessions.changes.target import Target, Write
    from napari_hqsam.sessions.journal.events import Event
    from napari_hqsam.sessions.journal.file import Journal
    from napari_hqsam.sessions.journal.headers import Header
    from napari_hqsam.sessions.journal.lines import Json


class EditLog:
    """Labels with their history and journal, which always agree.

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
        """State of the program, such as the chosen tool, as recorded last."""
        self.current_context: Callable[[], Json] | None = None
        """Returns that state now; recorded with the next line if it changed."""

    def move(self, path: str | os.PathLike[str], *, keep: int | None = None) -> None:
        """Move the journal, such as to where the labels have just been saved.

        Parameters
        ----------
        path : str or os.PathLike
            A file that does not exist; see `journal_path`. The labels that the
            session began with, if any, move with it.
        keep : int, optional
            Leave this number of lines here, header included: for labels that
            were saved beside them before.

        Raises
        ------
        OutputError
            Files exist there or cannot be written; then the journal stays.
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
        # a base of another name may be shared with another session
        if base == base_path(here) and keep is None:
            with suppress(OSError):
                base.unlink(missing_ok=True)

    def record_save(self, digest: str, lines: int) -> None:
        """Record that the labels are about to be saved.

        Parameters
        ----------
        digest : str
            Their `labels_digest`.
        lines : int
            Number of journal lines that they contain, as `Journal.lines` counts them.

        Raises
        ------
        OutputError
            The journal cannot be written to.
        """
        if self.journal is not None:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            self.journal.append({"time": now, **Save(digest, lines).to_json()})

    def close(self) -> None:
        """Close the journal. May be called twice."""
        if self.journal is not None:
            self.journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def do(self, event: Event, *, written: bool = False) -> None:
        """Apply an event, as a step of its own or as part of the open group.

        Parameters
        ----------
        event : Event
            The event.
        written : bool
            Whether the labels have its changes already.

        Raises
        ------
        OutputError
            The journal or the labels cannot be written to.
        """
        group = {} if self._group is None else {"group": self._group}
        later = self.history.later(event, self._group)
        passed = {"later": later} if later else {}
        with self._journaled(event.to_json() | group | passed):
            if not written:
                self._write([event])
        self.history.do(event, self._group, later)

    def repeat(self, event: Event, group: str | None, later: int) -> None:
        """Apply an event of a journal, in its group; see `History.do`. Not recorded.

        Raises
        ------
        OutputError
            The labels cannot be written to.
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
            with self._journaled({"event": "undo"}):
                self._write(step, back=True)
            self.history.undo()
        return bool(step)

    def redo(self) -> bool:
        """Redo the step undone last; False if there is none.

        Raises
        ------
        OutputError
            If the journal or the labels cannot be written to.
        """
        step = self.history.to_redo
        if step:
            with self._journaled({"event": "redo"}):
                self._write(step)
            self.history.redo()
        return bool(step)

    @contextmanager
    def grouped(self, name: str | None = None) -> Iterator[None]:
        """Make one undo step of all events in the block.

        Parameters
        ----------
        name : str, optional
            Blocks with the same name form one step, unless there was an undo in
            between, or an event on the same pixels, or on the same object and
            plane. Use names that do not recur, such as from `uuid.uuid4`.
        """
        outer = self._group
        if outer is None:
            self._group = name or uuid.uuid4().hex
        try:
            yield
        finally:
            self._group = outer

    def restore(self) -> None:
        """Bring the labels to the state of the session.

        From those that it began with (empty, or a copy of its base), or from any of
        its later states: with the last step written in part, or with steps that were
        undone since.

        Raises
        ------
        OutputError
            The labels cannot be written to.
        """
        with _write_errors():
            self.target.write(self._writes([*self.history.dropped], back=True))
            self.target.write(self._writes([*self.history.undone], back=True))
            self.target.write(self._writes([*self.history.events]))

    @contextmanager
    def _journaled(self, line: Json) -> Iterator[None]:
        """Append a line to the journal; remove it if the block raises."""
        if self.journal is None:
            yield
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        current = self.current_context
        context = self.context if current is None else current()
        changed = {} if context == self.context else {"context": context}
        with self.journal.appended({"time": now, **line, **changed}):
            yield
        self.context = context

    def _write(self, events: Sequence[Event], *, back: bool = False) -> None:
        """Write the changes of events to the labels, or undo them with `back`."""
        with _write_errors():
            try:
                self.target.write(self._writes(events, back=back))
            except BaseException:
                with suppress(Exception):
                    self.target.write(self._writes(events, back=not back))
                raise

    def _writes(
        self, events: Sequence[Event], *, back: bool = False
    ) -> Iterator[Write]:
        """Yield the writes that apply events, or undo them with `back`."""
        dtype = self.target.array.dtype
        patches = [patch for event in events for patch in event.patches]
        for patch in reversed(patches) if back else patches:
            yield patch.write(dtype, back=back)


@contextmanager
def _write_errors() -> Iterator[None]:
    """Turn any error of writing to the labels into an OutputError."""
    try:
        yield
    except (HqsamError, MemoryError):
        raise
    except Exception as error:  # each kind of array has its own
        raise OutputError(
            f"the labels cannot be changed ({reason(error)}); choose others, or save "
            "these under another name"
        ) from error
