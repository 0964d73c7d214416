"""Archive sessions whose labels are replaced, and back up labels that others changed.

Labels and the journal of their session lie side by side, and other programs may replace
the labels only. The journal then belongs to other labels: it is never replayed on the
new ones unless the user asks for it, and it is never lost.
"""

from __future__ import annotations

import os
import shutil
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamWarning, OutputError, reason
from napari_hqsam.files import Lock, same_file
from napari_hqsam.images import open_source
from napari_hqsam.labels.digest import labels_digest
from napari_hqsam.labels.formats import format_of
from napari_hqsam.sessions.files.verification import check_labels_match
from napari_hqsam.sessions.journal.events import Save
from napari_hqsam.sessions.journal.file import Journal
from napari_hqsam.sessions.journal.lines import JournalError, read_lines
from napari_hqsam.sessions.journal.locking import lock_exclusively
from napari_hqsam.sessions.journal.paths import (
    SUFFIX,
    base_path,
    check_no_base,
    journal_path,
)
from napari_hqsam.sessions.recorded_session import parse_journal

if TYPE_CHECKING:
    from collections.abc import Iterator


def archive_session(journal: str | os.PathLike[str]) -> Path:
    """Archive a session: rename its journal, so that its labels' name is free.

    Parameters
    ----------
    journal : path
        Its journal, such as ``cells.tif.journal.jsonl``.

    Returns
    -------
    pathlib.Path
        The renamed journal, such as ``cells.tif.old.journal.jsonl``. The labels that
        the session began with are renamed with it.

    Raises
    ------
    JournalError
        The session is in use.
    OutputError
        It cannot be renamed; nothing was changed.
    """
    path = Path(journal)
    with lock_exclusively(path):
        return _rename(path)


def back_up_foreign_labels(labels: str | os.PathLike[str]) -> Path | None:
    """Back up labels before they are overwritten, if another program changed them.

    That is, if they differ from what the session beside them saved; see
    `check_labels_match`.

    Parameters
    ----------
    labels : path
        A label file, with or without a journal beside it.

    Returns
    -------
    pathlib.Path or None
        The backup, such as ``cells.other.tif``; None if the labels are unchanged, or
        there is no readable journal with a digest of them.

    Raises
    ------
    OutputError
        They cannot be backed up.
    """
    path = Path(labels)
    journal = journal_path(path)
    if not (path.exists() and journal.is_file()):
        return None
    try:
        saves = parse_journal(journal, read_lines(journal)).saves
    except JournalError:
        return None
    if not saves:
        return None
    try:
        check_labels_match(journal, open_source(path, keep_indices=True).array)
    except MemoryError:
        raise
    except Exception:  # changed, or unreadable
        return _back_up(path)
    return None


def _back_up(path: Path) -> Path:
    """Move labels in a folder, or copy a label file, to a free name."""
    stem = format_of(path).stem(path.name)
    suffix, number = path.name[len(stem) :], 0
    backup = path.with_name(f"{stem}.other{suffix}")
    while os.path.lexists(backup):
        number += 1
        backup = path.with_name(f"{stem}.other-{number}{suffix}")
    try:
        if path.is_dir():
            path.rename(backup)
        else:
            _copy(path, backup)
    except OSError as error:
        raise OutputError(
            f"{path} was changed by another program since it was saved, and cannot be "
            f"backed up as {backup} ({reason(error)}); save under another name"
        ) from error
    return backup


def check_session_not_open(labels: str | os.PathLike[str]) -> None:
    """Raise OutputError if the session beside labels is open, or began with them."""
    check_no_base(labels)
    path = journal_path(labels)
    if os.path.lexists(path):
        _locked_for(path, labels).release()


@dataclass
class Archiving:
    """Options of `archiving_session`, set inside its block.

    Attributes
    ----------
    made_from : path, optional
        Journal of the session whose state the new labels have. If it is the one
        beside them, it is not archived, and records that they were saved.
    """

    made_from: str | os.PathLike[str] | None = None


@contextmanager
def archiving_session(labels: str | os.PathLike[str]) -> Iterator[Archiving]:
    """Archive the session beside labels that are replaced in the block.

    The session is locked during the block, and archived if it ends without an error.

    Parameters
    ----------
    labels : path
        The labels.

    Yields
    ------
    Archiving
        Its options.

    Raises
    ------
    OutputError
        The session is in use.

    Warns
    -----
    HqsamWarning
        The session was archived; names the new journal.
    """
    path, options = journal_path(labels), Archiving()
    if not os.path.lexists(path):
        yield options
        return
    with _locked_for(path, labels):
        yield options
        own = options.made_from is not None and same_file(path, options.made_from)
        archived = None if own else _rename(path)
    if archived is None:
        _record_saved(path, labels)
        return
    warnings.warn(
        f"{labels} was replaced; the journal of its former session is now {archived}",
        HqsamWarning,
        stacklevel=3,
    )


def _locked_for(path: Path, labels: str | os.PathLike[str]) -> Lock:
    try:
        return lock_exclusively(path)
    except JournalError as error:
        raise OutputError(
            f"{labels} belongs to a session that is open now ({error}); choose another "
            "name"
        ) from error


def _record_saved(path: Path, labels: str | os.PathLike[str]) -> None:
    """Record in a journal that labels were saved from all of its events."""
    digest = labels_digest(open_source(labels, keep_indices=True).array)
    journal, _ = Journal.reopen(path)
    try:
        journal.append(Save(digest, journal.lines).to_json())
    finally:
        journal.close()


def _rename(path: Path) -> Path:
    """Rename a journal, and the labels that it began with, to free names."""
    stem = path.name.removesuffix(SUFFIX)
    number = 0
    while True:
        name = f"{stem}.old{f'-{number}' if number else ''}"
        archived = path.with_name(name + SUFFIX)
        if not (os.path.lexists(archived) or os.path.lexists(base_path(archived))):
            break
        number += 1
    base, archived_base = base_path(path), base_path(archived)
    try:
        # Copy first: a kill in between leaves the journal with its base at any name.
        if base.exists():
            _copy(base, archived_base)
        if path.exists():
            path.rename(archived)
    except OSError as error:
        with suppress(OSError):
            archived_base.unlink(missing_ok=True)
        raise OutputError(
            f"{path} cannot be renamed ({reason(error)}); choose another name for the "
            "labels"
        ) from error
    with suppress(OSError):
        base.unlink(missing_ok=True)
    return archived


def _copy(file: Path, to: Path) -> None:
    try:
        os.link(file, to)
    except OSError:  # no links on this disk
        shutil.copyfile(file, to)
