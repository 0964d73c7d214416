"""Two of everything: labels that a journal beside them does not fit.

Labels and the journal of the session that made them lie side by side, and others may
replace the labels alone. Then the journal is that of other labels: it is never done
again over those that are there now unless the user says so, and it is never lost.
"""

from __future__ import annotations

import os
import shutil
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import HqsamError, HqsamWarning, OutputError, reason
from napari_hqsam.files import Lock, same_file
from napari_hqsam.images import open_source
from napari_hqsam.labels.digest import labels_digest
from napari_hqsam.labels.formats import format_of
from napari_hqsam.sessions.edit_log import EditLog
from napari_hqsam.sessions.journal.file import Journal, lock_unused
from napari_hqsam.sessions.journal.lines import JournalError, read_lines
from napari_hqsam.sessions.journal.paths import SUFFIX, base_path, journal_path
from napari_hqsam.sessions.journal.records import Save
from napari_hqsam.sessions.patches import ArrayTarget
from napari_hqsam.sessions.recorded import understand

if TYPE_CHECKING:
    from collections.abc import Iterator


class OtherLabelsError(HqsamError, ValueError):
    """The labels are not those that the session beside them was saved in."""


def check_labels_fit(
    journal: str | os.PathLike[str],
    array: Any,  # noqa: ANN401
    saved: int | None = None,
) -> int | None:
    """Raise unless labels are as the session that lies beside them left them.

    Parameters
    ----------
    journal : path
        The journal.
    array : array-like
        The labels; they are read alone.
    saved : int, optional
        How many lines of the journal they have, as far as is known: for journals of
        before version 0.2, which do not keep a digest of the labels.

    Returns
    -------
    int or None
        After how many lines, as `Recorded.lines` counts them, they were saved so; None
        where the journal does not tell.

    Raises
    ------
    OtherLabelsError
        They are others.
    JournalError
        The journal cannot be read.
    """
    path = Path(journal)
    lines = read_lines(path)
    recorded = understand(path, lines)
    if recorded.lines == 1:
        return None  # nothing was done, so nothing will be done to them
    after = None
    if recorded.saves:
        digest = labels_digest(array)
        equal = [save.lines for save in recorded.saves if save.digest == digest]
        fits, after = bool(equal), next(reversed(equal), None)
    else:
        counts = {n for n in (saved, len(lines)) if n is not None and n > 1}
        fits = any(_has_state_of(path, lines[:n], array) for n in counts)
    if not fits:
        raise OtherLabelsError(
            f"{path.with_name(path.name.removesuffix(SUFFIX))} is not as the session "
            f"beside it left it: another program has changed or replaced it since "
            f"({path})"
        )
    return after


def _has_state_of(path: Path, lines: list[Any], array: Any) -> bool:  # noqa: ANN401
    """Whether labels are as after some lines of a journal; read on the disk alone."""
    if not isinstance(array, np.ndarray):
        return True  # to copy those on the disk may take forever
    recorded = understand(path, lines)
    if array.shape != recorded.header.labels.shape:
        return False
    again = array.copy()
    EditLog(ArrayTarget(again), recorded.header, recorded.history).restore()
    return bool(np.array_equal(again, array))


def set_aside(journal: str | os.PathLike[str]) -> Path:
    """Give a session another name, so that its labels' name is free.

    Parameters
    ----------
    journal : path
        Its journal, such as ``cells.tif.journal.jsonl``.

    Returns
    -------
    pathlib.Path
        Its journal then, such as ``cells.tif.old.journal.jsonl``. The labels that it
        began with go with it.

    Raises
    ------
    JournalError
        It is in use.
    OutputError
        It cannot be renamed; then it is as it was.
    """
    path = Path(journal)
    with lock_unused(path):
        return _rename(path)


def keep_others(labels: str | os.PathLike[str]) -> Path | None:
    """Keep labels that are about to be written over, if they are not the session's.

    Another program may have changed them since they were saved, while the session was
    open: see `check_labels_fit` for those that are opened.

    Parameters
    ----------
    labels : path
        A label file, with or without a journal beside it.

    Returns
    -------
    pathlib.Path or None
        Where they are kept, such as ``cells.other.tif``; None if they are as they were
        saved, or there is no session of them that tells: of a newer version, for one.

    Raises
    ------
    OutputError
        They cannot be kept.
    """
    path = Path(labels)
    journal = journal_path(path)
    if not (path.exists() and journal.is_file()):
        return None
    try:
        saves = understand(journal, read_lines(journal)).saves
    except JournalError:
        return None
    if not saves:
        return None
    try:
        check_labels_fit(journal, open_source(path, keep_indices=True).array)
    except MemoryError:
        raise
    except Exception:  # they are others, or whatever cannot be read
        return _keep(path)
    return None


def _keep(path: Path) -> Path:
    """Give labels that will be replaced another name."""
    stem = format_of(path).stem(path.name)
    suffix, number = path.name[len(stem) :], 0
    kept = path.with_name(f"{stem}.other{suffix}")
    while os.path.lexists(kept):
        number += 1
        kept = path.with_name(f"{stem}.other-{number}{suffix}")
    try:
        if path.is_dir():
            path.rename(kept)
        else:
            _copy(path, kept)
    except OSError as error:
        raise OutputError(
            f"{path} was changed by another program since it was saved, and cannot be "
            f"kept as {kept} ({reason(error)}); save under another name"
        ) from error
    return kept


def check_not_worked_on(labels: str | os.PathLike[str]) -> None:
    """Raise OutputError if the session beside labels is worked on now."""
    path = journal_path(labels)
    if os.path.lexists(path):
        _locked_for(path, labels).release()


@dataclass
class Replaced:
    """What is to become of the session beside labels that are being replaced.

    Attributes
    ----------
    made_from : path, optional
        Journal of the session that the new labels are as. If it is the one beside
        them, it stays there, and is told of them.
    """

    made_from: str | os.PathLike[str] | None = None


@contextmanager
def in_place_of_session(labels: str | os.PathLike[str]) -> Iterator[Replaced]:
    """Keep the session beside labels that are being replaced, under another name.

    It is locked in the block, in which the labels are written, and set aside when that
    went well.

    Parameters
    ----------
    labels : path
        The labels.

    Yields
    ------
    Replaced
        To say otherwise.

    Raises
    ------
    OutputError
        The session is in use.

    Warns
    -----
    HqsamWarning
        Where it is now.
    """
    path, replaced = journal_path(labels), Replaced()
    if not os.path.lexists(path):
        yield replaced
        return
    with _locked_for(path, labels):
        yield replaced
        own = replaced.made_from is not None and same_file(path, replaced.made_from)
        kept = None if own else _rename(path)
    if kept is None:
        _note_made(path, labels)
        return
    warnings.warn(
        f"{labels} had a session beside it, which is that of the labels before: its "
        f"journal is now {kept}",
        HqsamWarning,
        stacklevel=3,
    )


def _locked_for(path: Path, labels: str | os.PathLike[str]) -> Lock:
    try:
        return lock_unused(path)
    except JournalError as error:
        raise OutputError(
            f"{labels} was made in a session that is worked on now ({error}); choose "
            "another name"
        ) from error


def _note_made(path: Path, labels: str | os.PathLike[str]) -> None:
    """Tell a journal of labels that were made from all of it."""
    digest = labels_digest(open_source(labels, keep_indices=True).array)
    journal, _ = Journal.reopen(path)
    try:
        journal.append(Save(digest, journal.lines).to_json())
    finally:
        journal.close()


def _rename(path: Path) -> Path:
    """Rename a journal and the labels that it began with, to names that are free."""
    stem = path.name.removesuffix(SUFFIX)
    number = 0
    while True:
        name = f"{stem}.old{f'-{number}' if number else ''}"
        aside = path.with_name(name + SUFFIX)
        if not (os.path.lexists(aside) or os.path.lexists(base_path(aside))):
            break
        number += 1
    base, kept = base_path(path), base_path(aside)
    try:
        # A kill on the way leaves each journal with its base: at both places for now.
        if base.exists():
            _copy(base, kept)
        if path.exists():
            path.rename(aside)
    except OSError as error:
        with suppress(OSError):
            kept.unlink(missing_ok=True)
        raise OutputError(
            f"{path} cannot be renamed ({reason(error)}); choose another name for the "
            "labels"
        ) from error
    with suppress(OSError):
        base.unlink(missing_ok=True)
    return aside


def _copy(file: Path, to: Path) -> None:
    try:
        os.link(file, to)
    except OSError:  # no links on this disk
        shutil.copyfile(file, to)
