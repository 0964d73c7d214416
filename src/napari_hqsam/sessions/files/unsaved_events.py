"""Apply the events that were recorded after labels were last saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_hqsam.sessions.edit_log import EditLog
from napari_hqsam.sessions.journal.lines import is_save, read_lines
from napari_hqsam.sessions.recorded_session import (
    parse_event,
    parse_group,
    parse_journal,
)

if TYPE_CHECKING:
    import os

    from napari_hqsam.sessions.changes.target import Target


def apply_unsaved(journal: str | os.PathLike[str], target: Target, saved: int) -> None:
    """Apply to saved labels the events that their session recorded since.

    Unlike `Session.restore`, which writes every event, this leaves unrecorded changes
    in place, such as those of another plugin that were saved with the labels.

    Parameters
    ----------
    journal : path
        The journal.
    target : Target
        The labels as they were saved.
    saved : int
        Number of journal lines at that time, as `check_labels_match` returns it.

    Raises
    ------
    JournalError
        The journal cannot be read.
    OutputError
        The labels cannot be written to.
    """
    path = Path(journal)
    lines = [line for line in read_lines(path) if not is_save(line)]
    recorded = parse_journal(path, lines[:saved])
    log = EditLog(target, recorded.header, recorded.history)
    for line in lines[saved:]:
        match line["event"]:
            case "undo":
                log.undo()
            case "redo":
                log.redo()
            case _:
                event = parse_event(line, recorded.header.labels.shape)
                log.repeat(event, *parse_group(line))
