"""A session as its journal tells it."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import ImageError, reason
from napari_hqsam.labels.reading import read_labels
from napari_hqsam.sessions.history import History
from napari_hqsam.sessions.journal.headers import Header
from napari_hqsam.sessions.journal.lines import (
    JournalError,
    count_lines,
    read_lines,
    tells_of_saving,
)
from napari_hqsam.sessions.journal.paths import base_path, find_base
from napari_hqsam.sessions.journal.plain import text, whole
from napari_hqsam.sessions.journal.records import Accept, Edit, Save

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.models import Model
    from napari_hqsam.sessions.journal.lines import Json
    from napari_hqsam.sessions.journal.records import Event


@dataclass(frozen=True, eq=False)
class Recorded:
    """What a journal says.

    Attributes
    ----------
    path : pathlib.Path
        The journal.
    header : Header
        Image, labels, model.
    history : History
        What was done.
    context : dict
        How the session was worked on last: for the program that wrote it.
    lines : int
        Number of lines, header included, but for those that tell of saving.
    changed : datetime, optional
        When the last of them was written; None where there is only the header.
    saves : tuple of Save
        When its labels were saved, in order.
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
        """The file with the labels that the session started from, if any.

        To be read alone: it may be another session's as well, see `find_base`.
        """
        return find_base(self.path, self.header.labels.base)

    @property
    def own_base(self) -> Path | None:
        """The same, if it is the session's alone: to be moved or removed with it."""
        return None if self.header.labels.base is None else base_path(self.path)

    def read_base(self) -> NDArray[Any] | None:
        """Read the labels that the session started from; None where there were none.

        Raises
        ------
        ImageError
            If they cannot be read, or are of another shape.
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


def other_weights(events: Iterable[Event], model: Model) -> str:
    """Say that objects were accepted from a model of this name with other weights.

    Parameters
    ----------
    events : iterable of Event
        What was done in a session.
    model : Model
        The model that it goes on with.

    Returns
    -------
    str
        For people; "" where the weights are the same.
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


def read_session(path: str | os.PathLike[str]) -> Recorded:
    """Read a session from its journal, without labels; it may be going on.

    Parameters
    ----------
    path : str or os.PathLike
        The journal.

    Raises
    ------
    JournalError
        If it cannot be read, or a line but the last is damaged or makes no
        sense.

    Warns
    -----
    HqsamWarning
        If the last line was cut short.
    """
    return understand(Path(path), read_lines(path))


def understand(path: Path, lines: Sequence[Json]) -> Recorded:
    """Go through the lines of a journal.

    Raises
    ------
    JournalError
        If a line makes no sense.
    """
    number = 1
    try:
        header = Header.from_json(lines[0])
        history = History(header.labels)
        saves, last = [], lines[0]
        for line in lines[1:]:
            number += 1
            if tells_of_saving(line):
                saves.append(Save.from_json(line))
                continue
            _follow(history, line, header.labels.shape)
            last = line
    except MemoryError:
        raise
    except Exception as error:  # whatever it says may be of any kind
        missing = " is missing" if isinstance(error, KeyError) else ""
        why = reason(error) + missing
        raise JournalError(
            f"{path}: line {number} makes no sense ({why}); take a copy from before "
            "it was changed, or install the newest napari-hqsam"
        ) from error
    told = (line["context"] for line in reversed(lines) if "context" in line)
    context = next((one for one in told if isinstance(one, dict)), {})
    counted = count_lines(lines)
    return Recorded(
        path, header, history, context, counted, _time_of(last), tuple(saves)
    )


def _time_of(line: Json) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(line["time"])
    except (KeyError, TypeError, ValueError):
        return None


def _follow(history: History, line: Json, shape: tuple[int, ...]) -> None:
    """Do in a history what a line says."""
    match line["event"]:
        case "undo":
            history.undo()
        case "redo":
            history.redo()
        case _:
            history.do(event_of(line, shape), *step_of(line))


def event_of(line: Json, shape: tuple[int, ...]) -> Event:
    """Return what was done, of a line that tells of no undo or redo."""
    kind = Accept if line["event"] == "accept" else Edit
    return kind.from_json(line, shape)


def step_of(line: Json) -> tuple[str | None, int]:
    """Group, and how many steps were done since its own; see `History.do`."""
    group = line.get("group")
    return None if group is None else text(group), whole(line.get("later", 0))
