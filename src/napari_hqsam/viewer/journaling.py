"""Where journals of the viewer lie; how sessions are begun, opened and moved.

What happens in the viewer is written at once, before anybody has said where the
labels shall be saved: to a folder of the user's. When they are saved, the
journal goes with them; what is left in the folder was not saved.
"""

from __future__ import annotations

import datetime
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs

from napari_hqsam.errors import HqsamError, ImageError, OutputError
from napari_hqsam.labels import ArrayTarget, journal_path, read_labels, read_session
from napari_hqsam.labels.journal import SUFFIX, Journal
from napari_hqsam.labels.session import Session
from napari_hqsam.viewer.writers import space_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_hqsam.labels.headers import ImageRecord, Setup
    from napari_hqsam.labels.patches import Target

FOLDER_VARIABLE = "NAPARI_HQSAM_SESSIONS"


@dataclass(frozen=True, eq=False)
class Opened:
    """A session that was begun or opened.

    Attributes
    ----------
    session : Session
    labels : ndarray or None
        The labels as the session has them; None where they are so already.
    text : str
        What to tell the user.
    name : str
        For the layer of the labels.
    """

    session: Session
    labels: NDArray[Any] | None = None
    text: str = ""
    name: str = ""


@dataclass(frozen=True)
class Unsaved:
    """A session whose labels were not saved.

    Attributes
    ----------
    journal : Path
    image : str
        Name of the image it was made on.
    shape : tuple of int
        Of its labels.
    steps : int
        How much was done.
    """

    journal: Path
    image: str
    shape: tuple[int, ...]
    steps: int

    @property
    def text(self) -> str:
        """Image, time and steps, for people."""
        time = datetime.datetime.fromtimestamp(self.journal.stat().st_mtime)
        return f"{self.image}, {time:%d %b %H:%M}, {self.steps} steps"


def sessions_folder() -> Path:
    """Folder of the journals: that of the user's data, or of the environment."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    data = Path(platformdirs.user_data_dir("napari-hqsam", appauthor=False))
    return data / "sessions"


def journal_file(name: str) -> Path:
    """Path for a new journal, named after the labels and the time.

    Raises
    ------
    OutputError
        The folder cannot be made.
    """
    folder = sessions_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"no journal can be kept in {folder} ({error.strerror}); set "
            f"{FOLDER_VARIABLE} to a folder that can be written to"
        ) from error
    stem = re.sub(r"[^\w.-]+", "-", name) or "labels"
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
    paths = (
        folder / f"{stem}-{now}{'' if i == 0 else f'-{i}'}{SUFFIX}" for i in range(1000)
    )
    return next(path for path in paths if not path.exists())


def journal_beside(layer: Labels) -> Path | None:
    """Return the journal beside the file that a layer was read from, if any."""
    if layer.source.path is None:
        return None
    path = journal_path(layer.source.path)
    return path if path.is_file() else None


def begin_session(
    path: Path,
    target: Target,
    image: ImageRecord,
    setup: Setup,
    attributes: Mapping[str, Any],
    *,
    found: bool,
) -> Opened:
    """Begin a session on the labels of a layer.

    Parameters
    ----------
    path : Path
        Of the journal.
    target, image, setup, found
        As for `Session.create`.
    attributes : mapping
        Of the layer, as `as_layer_data_tuple` gives them.

    Raises
    ------
    HqsamError
        As `Session.create`.
    """
    space = space_of(attributes, len(target.array.shape))
    how: dict[str, Any] = {"image": image, "setup": setup, "found": found}
    try:
        return Opened(Session.create(path, target, **how, **space))
    except ImageError:
        if not space["units"] or path.exists():
            raise
        # A unit that files do not know is no reason to lose the journal.
        space["units"] = None
        return Opened(Session.create(path, target, **how, **space))


def open_session(path: Path, array: Any = None) -> Opened:  # noqa: ANN401
    """Open a session again, and bring labels to the state that it is in.

    Parameters
    ----------
    path : Path
        Of the journal.
    array : array, optional
        The labels. A numpy array is left alone and copied, others (on the disk)
        are written to. None: as the session found them.

    Raises
    ------
    HqsamError
        As `Session.open`, or the labels that it began with are gone.
    """
    labels: Any = _found_labels(path) if array is None else array
    in_memory = isinstance(labels, np.ndarray)
    if labels is array and in_memory:
        labels = array.copy()
    session = Session.open(path, ArrayTarget(labels))
    try:
        session.restore()
    except BaseException:
        session.close()
        raise
    count = len(session.table.ids)
    return Opened(
        session,
        labels if in_memory else None,
        f"The session goes on: {count} objects, which can be reopened and undone",
        f"{session.header.image.name} labels",
    )


def _found_labels(path: Path) -> NDArray[Any]:
    """Return the labels that a session began with."""
    recorded = read_session(path)
    labels = np.zeros(recorded.header.labels.shape, np.uint32)
    if recorded.base is not None:
        labels[...] = read_labels(recorded.base)
    return labels


def move_journal(session: Session, labels: str) -> None:
    """Move a journal to where its labels were saved.

    A journal of other labels, which were overwritten, is kept as ``.old``.

    Raises
    ------
    OutputError
        It cannot be moved; then it stays where it is.
    """
    assert session.journal is not None
    path = journal_path(labels)
    if path == session.journal.path:
        return
    if path.exists():
        path.replace(path.with_name(f"{path.name}.old"))
    session.move(path)


def unsaved_sessions() -> list[Unsaved]:
    """List what was not saved and is not worked on now, the newest first.

    Journals in which nothing was done are removed on the way.
    """
    found = []
    for path in sessions_folder().glob(f"*{SUFFIX}"):
        with suppress(HqsamError, KeyError):  # in use, damaged, or no journal
            journal, lines = Journal.reopen(path)
            journal.close()
            if len(lines) == 1:
                discard(path)
                continue
            image, labels = lines[0]["image"], lines[0]["labels"]
            found.append(
                Unsaved(path, image["name"], tuple(labels["shape"]), len(lines) - 1)
            )
    return sorted(found, key=lambda one: one.journal.stat().st_mtime, reverse=True)


def discard(path: Path) -> None:
    """Remove a journal, and the labels it began with."""
    with suppress(HqsamError):
        base = read_session(path).base
        if base is not None:
            base.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
