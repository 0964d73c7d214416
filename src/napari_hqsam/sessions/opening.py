"""Create the journal of a session, or open it to continue."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry import Space
from napari_hqsam.geometry.axes import label_axes
from napari_hqsam.labels.base import keep_base
from napari_hqsam.sessions.journal.file import Journal
from napari_hqsam.sessions.journal.headers import Header, LabelsRecord
from napari_hqsam.sessions.journal.paths import base_path
from napari_hqsam.sessions.recorded_session import parse_journal

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from napari_hqsam.sessions.changes.target import Target
    from napari_hqsam.sessions.journal.headers import ImageRecord, ModelRecord
    from napari_hqsam.sessions.journal.lines import Json
    from napari_hqsam.sessions.recorded_session import RecordedSession


def create_journal(
    path: Path,
    target: Target,
    image: ImageRecord,
    setup: ModelRecord,
    space: Space | None,
    *,
    found: bool,
) -> tuple[Header, Journal]:
    """Create the journal of a session, and copy the labels that it begins with.

    Parameters and errors as for `Session.create`.
    """
    array = target.array
    shape = tuple(map(int, array.shape))
    if np.dtype(array.dtype).kind not in "iu":
        raise ImageError(f"labels are {array.dtype}; convert them to integers")
    axes = label_axes(None if space is None else space.axes, len(shape))
    space = space or Space.pixels(axes)
    base, made = base_path(path), False
    header: Header

    def first() -> Json:
        nonlocal header, made
        highest = keep_base(array, base, space) if found else 0
        made = highest > 0
        name = base.name if made else None
        labels = LabelsRecord(shape, space, name, highest)
        header = Header(image, labels, setup)
        return {"package": version("napari-hqsam"), **header.to_json()}

    try:
        # `first` is called under the lock: nothing is written beside it before.
        journal = Journal.create(path, first)
    except BaseException:
        if made:
            with suppress(OSError):
                base.unlink(missing_ok=True)
        raise
    return header, journal


def open_journal(
    path: str | os.PathLike[str], target: Target
) -> tuple[RecordedSession, Journal]:
    """Read the journal of a session, and lock it to append.

    Parameters, errors and warnings as for `Session.open`.
    """
    journal, lines = Journal.reopen(path)
    try:
        recorded = parse_journal(journal.path, lines)
        shape = recorded.header.labels.shape
        if tuple(target.array.shape) != shape:
            raise ImageError(
                f"the labels have shape {tuple(target.array.shape)}, those of "
                f"{path} {shape}; open it with its own"
            )
    except BaseException:
        journal.close()
        raise
    return recorded, journal
