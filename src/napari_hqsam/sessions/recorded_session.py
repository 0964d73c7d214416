"""Read a session from its journal."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import ImageError, reason
from napari_hqsam.labels.reading import read_labels
from napari_hqsam.sessions.history import History
from napari_hqsam.sessions.journal.events import Accept, Edit, Save
from napari_hqsam.sessions.journal.headers import Header
from napari_hqsam.sessions.journal.json_values import as_int, as_str
from napari_hqsam.sessions.journal.lines import (
    JournalError,
    count_lines,
    is_save,
    read_lines,
)
from napari_hqsam.sessions.journal.paths import base_path, find_base

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.models import Model
    from napari_hqsam.sessions.journal.events import Event
    from napari_hqsam.sessions.journal.lines import Json


@dataclass(frozen=True, eq=False)
class RecordedSession:
    """A session as read from its journal.

    Attributes
    ----------
    path : pathlib.Path
        The journal.
    header : Header
        Image, labels, model.
    history : History
        Its events.
    context : dict
        Last state of the program that wrote it; see `EditLog.context`.
    lines : int
        Number of lines, header included, without those of saving.
    changed : datetime, optional
        When the last of them was written; None where there is only the header.
    saves : tuple of Save
        Savings of its labels, in order.
    """

    path: Path
    header: Header
    history: History
    context: Json = field(default_factory=dict)
    lines: int = 1
    changed: datetime.datetime | None = None
    saves: tuple[Save, ...] = ()

    @property
    def base(self) -> Path | None:
        """The labels that the session began with, if any.

        Only to be read: another session may use the file too, see `find_base`.
        """
        return find_base(self.path, self.header.labels.base)

    @property
    def own_base(self) -> Path | None:
        """The same, if only this session uses it: moved and removed with it."""
        return None if self.header.labels.base is None else base_path(self.path)

    def read_base(self) -> NDArray[Any] | None:
        """Read the labels that the session began with; None if there were none.

        Raises
        ------
        ImageError
            They cannot be read, or have another shape.
        """
        if self.base is None:
            return None
        labels, shape = read_labels(self.base), self.header.labels.shape
        if labels.size != math.prod(shape) or labels.shape[-2:] != shape[-2:]:
            raise ImageError(
                f"{self.base} has shape {labels.shape}, the labels of {self.path} "
                f"{shape}; put the file back that was beside the journal"
            )
        return labels.reshape(shape)


def weights_difference(events: Iterable[Event], model: Model) -> str:
    """Describe how a model's weights differ from those of a session's events.

    Parameters
    ----------
    events : iterable of Event
        Events of the session, in order.
    model : Model
        The model to continue with; only events of a model of its name count.

    Returns
    -------
    str
        A sentence for the user; "" where the weights are the same.
    """
    setups = {event.setup for event in events if isinstance(event, Accept)}
    other = [s for s in setups if s.model == model.name and not s.made_with(model)]
    if not other:
        return ""
    return (
        f"the session was made with other weights of {model.name} (encoder "
        f"{other[0].digest[:12]}, here {model.digest[:12]}; decoder "
        f"{other[0].decoder_digest[:12] or 'not recorded'}, here "
        f"{model.decoder_digest[:12]}), so masks will differ"
    )


def read_session(path: str | os.PathLike[str]) -> RecordedSession:
    """Read a session from its journal, without labels; it may be in use.

    Parameters
    ----------
    path : str or os.PathLike
        The journal.

    Raises
    ------
    JournalError
        It cannot be read, or a line other than the last is damaged or invalid.

    Warns
    -----
    HqsamWarning
        The last line was cut short.
    """
    return parse_journal(Path(path), read_lines(path))


def parse_journal(path: Path, lines: Sequence[Json]) -> RecordedSession:
    """Build the session that the lines of a journal record.

    Raises
    ------
    JournalError
        A line is invalid.
    """
    number = 1
    try:
        header = Header.from_json(lines[0])
        history = History(header.labels)
        saves, last = [], lines[0]
        for line in lines[1:]:
            number += 1
            if is_save(line):
                saves.append(Save.from_json(line))
                continue
            _apply_line(history, line, header.labels.shape)
            last = line
    except MemoryError:
        raise
    except Exception as error:  # an untrusted line may raise any kind
        missing = " is missing" if isinstance(error, KeyError) else ""
        why = reason(error) + missing
        raise JournalError(
            f"{path}: line {number} makes no sense ({why}); take a copy from before "
            "it was changed, or install the newest napari-hqsam"
        ) from error
    contexts = (line["context"] for line in reversed(lines) if "context" in line)
    context = next((one for one in contexts if isinstance(one, dict)), {})
    counted = count_lines(lines)
    return RecordedSession(
        path, header, history, context, counted, _time_of(last), tuple(saves)
    )


def _time_of(line: Json) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(line["time"])
    except (KeyError, TypeError, ValueError):
        return None


def _apply_line(history: History, line: Json, shape: tuple[int, ...]) -> None:
    """Apply a line of a journal to a history."""
    match line["event"]:
        case "undo":
            history.undo()
        case "redo":
            history.redo()
        case _:
            history.do(parse_event(line, shape), *parse_group(line))


def parse_event(line: Json, shape: tuple[int, ...]) -> Event:
    """Read the event of a line that is neither undo nor redo."""
    kind = Accept if line["event"] == "accept" else Edit
    return kind.from_json(line, shape)


def parse_group(line: Json) -> tuple[str | None, int]:
    """Read the group of a line, and the number of later steps; see `History.do`."""
    group = line.get("group")
    return None if group is None else as_str(group), as_int(line.get("later", 0))
