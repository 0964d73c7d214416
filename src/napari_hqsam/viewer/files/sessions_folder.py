"""The folder with the journals of sessions that were never saved."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import platformdirs

from napari_hqsam.errors import OutputError, reason
from napari_hqsam.files import same_file

FOLDER_VARIABLE = "NAPARI_HQSAM_SESSIONS"


def sessions_folder() -> Path:
    """Return the journals' folder: the user data folder, or as the environment sets."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    data = Path(platformdirs.user_data_dir("napari-hqsam", appauthor=False))
    return data / "sessions"


def never_saved(journal: Path) -> bool:
    """Whether a journal lies in the folder of the sessions, and beside no labels."""
    return same_file(journal.parent, sessions_folder())


def make_sessions_folder() -> Path:
    """Make the folder of the journals, for the user alone.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    folder = sessions_folder()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"no journal can be kept in {folder} ({reason(error)}); set "
            f"{FOLDER_VARIABLE} to a folder that can be written to"
        ) from error
    if not os.environ.get(FOLDER_VARIABLE):  # else the user has set its mode
        with suppress(OSError):  # one of before version 0.2
            folder.chmod(0o700)
    return folder
