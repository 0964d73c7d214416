"""Bringing labels that a session saved to the last line of its journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.sessions.edit_log import EditLog
from napari_hqsam.sessions.journal.lines import read_lines, tells_of_saving
from napari_hqsam.sessions.recorded import event_of, step_of, understand

if TYPE_CHECKING:
    import os

    from napari_hqsam.sessions.patches import Target


def catch_up(journal: str | os.PathLike[str], target: Target, saved: int) -> None:
    """Do to saved labels what was done in their session since.

    Nothing but that is written, while `Session.restore` writes all that was ever done:
    labels may have been changed without a line in the journal, such as by another
    plugin, and were saved so.

    Parameters
    ----------
    journal : path
        The journal.
    target : Target
        Labels as they were saved.
    saved : int
        After how many lines, as `check_labels_fit` returns it.

    Raises
    ------
    JournalError
        The journal cannot be read.
    OutputError
        The labels cannot be written to.
    """
    path = Path(journal)
    lines = [line for line in read_lines(path) if not tells_of_saving(line)]
    recorded = understand(path, lines[:saved])
    log = EditLog(target, recorded.header, recorded.history)
    for line in lines[saved:]:
        match line["event"]:
            case "undo":
                log.undo()
            case "redo":
                log.redo()
            case _:
                event = event_of(line, recorded.header.labels.shape)
                log.repeat(event, *step_of(line))
