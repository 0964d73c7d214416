"""Check that labels are those that the session beside them last saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import HqsamError
from napari_hqsam.labels.digest import labels_digest
from napari_hqsam.sessions.changes.target import ArrayTarget
from napari_hqsam.sessions.edit_log import EditLog
from napari_hqsam.sessions.journal.lines import read_lines
from napari_hqsam.sessions.journal.paths import SUFFIX
from napari_hqsam.sessions.recorded_session import parse_journal

if TYPE_CHECKING:
    import os


class LabelsMismatchError(HqsamError, ValueError):
    """The labels are not those that the session beside them last saved."""


def check_labels_match(
    journal: str | os.PathLike[str],
    array: Any,  # noqa: ANN401
    saved: int | None = None,
) -> int | None:
    """Raise LabelsMismatchError unless labels are as the session saved them.

    Their digest is compared with those in the journal's lines of saving.

    Parameters
    ----------
    journal : path
        The journal.
    array : array-like
        The labels; not modified.
    saved : int, optional
        Number of journal lines that they contain, as far as is known: for journals
        of versions before 0.2, which have no digests.

    Returns
    -------
    int or None
        Number of lines, as `RecordedSession.lines` counts them, at the time they
        were saved; None where the journal does not record it.

    Raises
    ------
    LabelsMismatchError
        The labels are others.
    JournalError
        The journal cannot be read.
    """
    path = Path(journal)
    lines = read_lines(path)
    recorded = parse_journal(path, lines)
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
        raise LabelsMismatchError(
            f"{path.with_name(path.name.removesuffix(SUFFIX))} is not as the session "
            f"beside it left it: another program has changed or replaced it since "
            f"({path})"
        )
    return after


def _has_state_of(path: Path, lines: list[Any], array: Any) -> bool:  # noqa: ANN401
    """Whether labels in memory are as some lines of a journal make them.

    Labels on the disk are trusted: copying them may take too long.
    """
    if not isinstance(array, np.ndarray):
        return True
    recorded = parse_journal(path, lines)
    if array.shape != recorded.header.labels.shape:
        return False
    again = array.copy()
    EditLog(ArrayTarget(again), recorded.header, recorded.history).restore()
    return bool(np.array_equal(again, array))
