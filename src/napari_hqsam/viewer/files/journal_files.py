"""Begin and open sessions of the viewer, and move their journals.

Steps are written at once, before the user has chosen a file for the labels: to a
journal in the user's data folder. When the labels are saved, the journal is moved
beside them; the journals left in the folder were never saved.
"""

from __future__ import annotations

import datetime
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import OutputError
from napari_hqsam.files import same_file
from napari_hqsam.sessions import (
    ArrayTarget,
    JournalError,
    apply_unsaved,
    archive_session,
    check_labels_match,
    journal_path,
    read_session,
)
from napari_hqsam.sessions.journal.locking import is_in_use
from napari_hqsam.sessions.journal.paths import SUFFIX, base_path, check_no_base
from napari_hqsam.sessions.session import Session
from napari_hqsam.viewer.files.label_files import FILE, empty_labels, space_of
from napari_hqsam.viewer.files.sessions_folder import make_sessions_folder, never_saved
from napari_hqsam.viewer.files.unsaved_sessions import (
    forget_note,
    note_saved,
    saved_lines,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_hqsam.sessions.changes.target import Target
    from napari_hqsam.sessions.journal.headers import ImageRecord, ModelRecord


@dataclass(frozen=True, eq=False)
class Opened:
    """A session that was begun or opened.

    Attributes
    ----------
    session : Session
    labels : ndarray or None
        The labels of the session; None if the target has them already.
    text : str
        Message for the user.
    name : str
        For the layer of the labels.
    saved : int or None
        How many lines of its journal are in the label file; None where unknown.
    """

    session: Session
    labels: NDArray[Any] | None = None
    text: str = ""
    name: str = ""
    saved: int | None = None


def journal_file(name: str) -> Path:
    """Return the path for a new journal, named after the labels and the time.

    Raises
    ------
    OutputError
        The folder cannot be made.
    """
    folder = make_sessions_folder()
    stem = re.sub(r"[^\w.-]+", "-", name) or "labels"
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
    paths = (
        folder / f"{stem}-{now}{'' if i == 0 else f'-{i}'}{SUFFIX}" for i in range(1000)
    )
    return next(path for path in paths if not path.exists())


def journal_beside(layer: Layer) -> Path | None:
    """Return the journal beside the file that a layer was read from, if any."""
    file = layer.metadata.get(FILE) or layer.source.path
    if file is None:
        return None
    path = journal_path(Path(file).absolute())
    return path if path.is_file() else None


def begin_session(
    path: Path,
    target: Target,
    image: ImageRecord,
    setup: ModelRecord,
    attributes: Mapping[str, Any],
    *,
    found: bool,
) -> Opened:
    """Begin a session on the labels of a layer.

    Parameters
    ----------
    path : Path
        Path of the journal.
    target, image, setup, found
        As for `Session.create`.
    attributes : mapping
        Attributes of the layer, as `as_layer_data_tuple` gives them.

    Raises
    ------
    HqsamError
        As `Session.create`.
    """
    space = space_of(attributes, len(target.array.shape))
    made = Session.create(
        path, target, image=image, setup=setup, space=space, found=found
    )
    return Opened(made)


def open_session(
    path: Path,
    array: Any = None,  # noqa: ANN401
    *,
    known: bool = False,
) -> Opened:
    """Open a session again, and bring its labels to its last state.

    Parameters
    ----------
    path : Path
        Path of the journal.
    array : array, optional
        The labels. A numpy array is left alone and copied, others (on the disk)
        are written to. None: as the session found them.
    known : bool
        Whether they are known to be those that the session was saved with, and need
        no check.

    Raises
    ------
    LabelsMismatchError
        They are not.
    HqsamError
        As `Session.open`, or the labels that it began with are gone.
    """
    saved = None
    if array is not None and not known:
        saved = check_labels_match(path, array, saved_lines(path))
    labels: Any = _found_labels(path) if array is None else array
    in_memory = isinstance(labels, np.ndarray)
    if labels is array and in_memory:
        labels = array.copy()
    session = Session.open(path, ArrayTarget(labels))
    try:
        if saved is None:
            session.restore()
        else:
            apply_unsaved(path, session.target, saved)
    except BaseException:
        session.close()
        raise
    count = len(session.table.ids)
    assert session.journal is not None
    # Labels on the disk are their file; those in memory came from it just now.
    same = array is not None and (not in_memory or np.array_equal(labels, array))
    return Opened(
        session,
        labels if in_memory else None,
        f"The session goes on: {count} objects, which can be reopened and undone",
        f"{session.header.image.name} labels",
        session.journal.lines if same else None,
    )


def _found_labels(path: Path) -> NDArray[Any]:
    """Return the labels that a session began with."""
    recorded = read_session(path)
    labels = empty_labels(recorded.header.labels.shape)
    base = recorded.read_base()
    if base is not None:
        labels[...] = base
    return labels


def check_free(labels: str | os.PathLike[str], session: Session | None) -> None:
    """Raise OutputError if a session in use owns the journal beside a label file.

    Raises
    ------
    OutputError
        Both would write to the same files.
    """
    check_no_base(labels)
    path = journal_path(labels)
    journal = None if session is None else session.journal
    if journal is not None and same_file(journal.path, path):
        return
    if path.exists() and is_in_use(path):
        raise OutputError(
            f"{labels} is being worked on in another session; close that one first, "
            "or save under another name"
        )


def move_journal(session: Session, labels: str, saved: int, keep: int) -> None:
    """Move a journal beside the file that its labels were saved in.

    A journal of other labels, which were overwritten, is archived, see
    `archive_session`. Labels that the session was saved in before keep theirs, as it
    was then.

    Parameters
    ----------
    session : Session
    labels : str
        The label file.
    saved : int
        How many lines of the journal are in it.
    keep : int
        How many lines are in the label file that the journal lies beside now.

    Raises
    ------
    OutputError
        It cannot be moved; then it stays where it is.
    """
    assert session.journal is not None
    before, path = session.journal.path, journal_path(Path(labels).absolute())
    note_saved(path, saved)  # first: a kill here must not hide the journal
    if same_file(path, before):
        return
    if os.path.lexists(path) or os.path.lexists(base_path(path)):
        try:
            archive_session(path)
        except JournalError as error:
            raise OutputError(
                f"the journal of {labels} stays at {before}, since another session is "
                f"in its place ({error})"
            ) from error
    old = before.with_name(before.name.removesuffix(SUFFIX))
    stays = not never_saved(before) and old.exists()
    session.move(path, keep=keep if stays else None)
    forget_note(before)
