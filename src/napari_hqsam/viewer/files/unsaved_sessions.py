"""Find sessions with changes that are in no label file: offered at the next start.

A session is identified by the path of its journal. Journals of labels that were never
saved lie in the sessions folder. For a journal that was moved beside its labels there
is a note in that folder: its path, and how many of its lines the label file has.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_hqsam.errors import HqsamError, reason
from napari_hqsam.files import replacing
from napari_hqsam.images import open_source
from napari_hqsam.labels import labels_digest
from napari_hqsam.sessions import read_session
from napari_hqsam.sessions.journal.locking import cut_journal, is_in_use, remove_journal
from napari_hqsam.sessions.journal.paths import SUFFIX
from napari_hqsam.viewer.files.journal_context import readable_context
from napari_hqsam.viewer.files.sessions_folder import (
    make_sessions_folder,
    never_saved,
    sessions_folder,
)

if TYPE_CHECKING:
    from napari_hqsam.sessions import RecordedSession

_NOTE = ".saved.json"
EMPTY_AGE = 24 * 3600.0
"""Seconds after which a journal without steps is removed."""


@dataclass(frozen=True)
class Unsaved:
    """A session with changes that were not saved.

    Attributes
    ----------
    journal : Path
        Identifies the session.
    image : str
        Name of the image it was made on.
    shape : tuple of int
        Shape of its labels.
    steps : int
        How many changes were not saved.
    objects : int
        How many objects it has.
    changed : datetime
        When the last change was made, local time.
    context : dict
        See `session_context`.
    """

    journal: Path
    image: str
    shape: tuple[int, ...]
    steps: int
    objects: int
    changed: datetime.datetime
    context: dict[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, recorded: RecordedSession, saved: int = 1) -> Unsaved:
        """Make it from a journal, the first lines of which are in the label file."""
        header = recorded.header
        return cls(
            recorded.path,
            header.image.name,
            header.labels.shape,
            recorded.lines - saved,
            len(recorded.history.table.ids),
            _local_time(recorded),
            readable_context(recorded.context),
        )

    @property
    def labels(self) -> Path | None:
        """The label file it was saved in; None where it never was."""
        return label_file(self.journal)

    @property
    def is_own(self) -> bool:
        """Whether the user made it here, so that it may open the files it names.

        A session of somebody else lies beside labels that this user never saved there.
        """
        if never_saved(self.journal):
            return True
        try:
            owner = self.journal.stat().st_uid
        except OSError:
            return False
        mine = owner == getattr(os, "getuid", lambda: owner)()
        return mine and _note(self.journal).is_file()

    @property
    def size(self) -> str:
        """Shape of its labels as text."""
        return " x ".join(map(str, self.shape))

    @property
    def title(self) -> str:
        """Image and number of objects as text."""
        return f"{self.image}: {self.objects} object{'s' * (self.objects != 1)}"

    @property
    def detail(self) -> str:
        """When it was changed last and where it is saved, as text."""
        when = f"{self.changed:%d %b %H:%M}"
        if self.labels is None:
            return f"{when}, not saved yet"
        count = f"{self.steps} change{'s' * (self.steps != 1)}"
        return f"{when}, {count} not in {self.labels.name}"

    @property
    def text(self) -> str:
        """Title and detail in one line."""
        return f"{self.title} ({self.detail})"


def label_file(journal: Path) -> Path | None:
    """Return the label file that a session was saved in last; None if it never was."""
    if never_saved(journal):
        return None
    return journal.with_name(journal.name.removesuffix(SUFFIX))


def saved_lines(journal: Path) -> int:
    """Count the lines of a journal that its label file has; 1 where unknown."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        return int(json.loads(_note(journal).read_text())["lines"])
    return 1


def note_saved(journal: Path, lines: int) -> None:
    """Remember how many lines of a journal the label file beside it has.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    if never_saved(journal):
        return
    make_sessions_folder()
    with replacing(_note(journal), mode=0o600) as partial:
        partial.write_text(json.dumps({"journal": str(journal), "lines": lines}))


def forget_note(journal: Path) -> None:
    """Remove the note of a journal: it is not offered any more."""
    with suppress(OSError):
        _note(journal).unlink(missing_ok=True)


class Damaged(NamedTuple):
    """A journal that cannot be read."""

    journal: Path
    why: str


class UnsavedSessions(NamedTuple):
    """The result of `find_unsaved`.

    Attributes
    ----------
    sessions : list of Unsaved
        Not in use, the last changed one first.
    damaged : list of Damaged
        Journals that may have unsaved steps, and cannot be read.
    """

    sessions: list[Unsaved]
    damaged: list[Damaged]


def find_unsaved() -> UnsavedSessions:
    """Look for sessions that were not saved; nothing is removed or changed."""
    found, damaged = [], []
    for journal, saved in sorted(_journals()):
        try:
            if is_in_use(journal):
                continue
            recorded = read_session(journal)
            saved = _lines_in_file(recorded, max(saved, 1))
            if recorded.lines > saved:
                found.append(Unsaved.of(recorded, saved))
        except Exception as error:  # one must not keep the others from being listed
            if journal.exists():
                damaged.append(Damaged(journal, reason(error)))
    found.sort(key=lambda one: one.changed, reverse=True)
    return UnsavedSessions(found, damaged)


def discard(journal: Path) -> None:
    """Remove the unsaved part of a session.

    A journal beside its labels loses the lines after the last save; any other is
    removed, with the labels that it began with.

    Raises
    ------
    HqsamError
        It is in use, or cannot be written to.
    """
    if not never_saved(journal):
        lines = _lines_in_file(read_session(journal), saved_lines(journal))
        if lines > 1:
            cut_journal(journal, lines)
        forget_note(journal)
        return
    base = None
    with suppress(HqsamError):
        base = read_session(journal).own_base
    remove_journal(journal, base=base)


def _lines_in_file(recorded: RecordedSession, noted: int) -> int:
    """Count the lines of a journal that its label file has, also without a note.

    The note is written after the labels, and the process may be killed in between. The
    file is read only if the journal has a save that is not noted.
    """
    later = {save.digest: save.lines for save in recorded.saves if save.lines > noted}
    file = label_file(recorded.path)
    if not later or file is None:
        return noted
    try:
        digest = labels_digest(open_source(file, keep_indices=True).array)
    except (HqsamError, OSError):
        return noted
    return later.get(digest, noted)


def remove_empty() -> None:
    """Remove journals without steps, and notes of journals that are gone.

    Only those older than `EMPTY_AGE` and not in use.
    """
    before = time.time() - EMPTY_AGE
    for journal in sessions_folder().glob(f"*{SUFFIX}"):
        with suppress(HqsamError, OSError):
            if journal.stat().st_mtime < before:
                recorded = read_session(journal)
                if recorded.lines == 1:
                    remove_journal(journal, base=recorded.own_base, locked=True)
    for note in sessions_folder().glob(f"*{_NOTE}"):
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            journal = Path(json.loads(note.read_text())["journal"])
            # A folder that is missing may be a disk that is not mounted.
            gone = journal.parent.is_dir() and not journal.exists()
            if gone and note.stat().st_mtime < before:
                note.unlink()


def _journals() -> list[tuple[Path, int]]:
    """Return journals that may have unsaved steps, and their saved lines, 0: none."""
    folder = sessions_folder()
    found = [(path, 0) for path in folder.glob(f"*{SUFFIX}")]
    for note in folder.glob(f"*{_NOTE}"):
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            note_data = json.loads(note.read_text())
            journal = Path(note_data["journal"])
            if journal.is_file():
                found.append((journal, int(note_data["lines"])))
    return found


def _local_time(recorded: RecordedSession) -> datetime.datetime:
    """Return when a session was changed last; without a record, by its file."""
    if recorded.changed is not None:
        with suppress(OverflowError, ValueError, OSError):  # near year 1 or 9999
            return recorded.changed.astimezone().replace(tzinfo=None)
    return datetime.datetime.fromtimestamp(recorded.path.stat().st_mtime)


def _note(journal: Path) -> Path:
    name = hashlib.sha256(os.path.realpath(journal).encode()).hexdigest()[:16]
    return sessions_folder() / f"{name}{_NOTE}"
