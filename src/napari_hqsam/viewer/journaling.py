"""Where journals of the viewer lie, and how one is begun."""

from __future__ import annotations

import datetime
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from napari_hqsam.errors import ImageError, OutputError
from napari_hqsam.labels.journal import SUFFIX
from napari_hqsam.labels.session import Session
from napari_hqsam.viewer.saving import space_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_hqsam.labels.patches import Target
    from napari_hqsam.labels.records import ImageRecord, Setup

FOLDER_VARIABLE = "NAPARI_HQSAM_SESSIONS"


def sessions_folder() -> Path:
    """Folder of the journals: that of the user's data, or of the environment.

    What happens in the viewer is written there at once, before anybody has
    said where the labels shall be saved.
    """
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


def begin_session(
    path: Path,
    target: Target,
    image: ImageRecord,
    setup: Setup,
    attributes: Mapping[str, Any],
    *,
    found: bool,
) -> Session:
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
    try:
        return Session.create(
            path, target, image=image, setup=setup, found=found, **space
        )
    except ImageError:
        if not space["units"] or path.exists():
            raise
        # A unit that files do not know is no reason to lose the journal.
        space["units"] = None
        return Session.create(
            path, target, image=image, setup=setup, found=found, **space
        )
