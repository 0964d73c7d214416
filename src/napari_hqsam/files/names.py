"""Compare paths, and check paths from untrusted files.

Links and upper case hide that two paths are one file, so the file system is asked.
Whether a path may be accessed at all is decided by its text only.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def same_file(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> bool:
    """Whether two paths are, or would be, the same file or folder.

    Parameters
    ----------
    first, second : path
        They need not exist.
    """
    try:
        return os.path.samefile(first, second)
    except (OSError, ValueError):  # at least one of them does not exist
        pass
    if os.path.lexists(first) != os.path.lexists(second):
        return False
    try:
        here, there = map(_split, (first, second))
        return here[1] == there[1] and os.path.samefile(here[0], there[0])
    except (OSError, ValueError):
        return os.path.realpath(first) == os.path.realpath(second)


def _split(path: str | os.PathLike[str]) -> tuple[str, str]:
    folder, name = os.path.split(os.path.abspath(path))
    return folder, os.path.normcase(name)


def names_other_computer(path: str) -> bool:
    """Whether a path may lead to another computer, or to a device.

    On Windows, accessing such a (UNC) path sends that computer the user's name and a
    hash of the password. So paths from untrusted files are checked here first. The
    result does not depend on the system, and the path is not accessed.

    Parameters
    ----------
    path : str
        As written in the file.
    """
    text = path.strip().replace("/", "\\")
    return text.startswith(("\\\\", "\\??\\")) or "://" in path


def below(folder: Path, name: str) -> Path | None:
    """Resolve a path, named in an untrusted file, below the folder of that file.

    Parameters
    ----------
    folder : pathlib.Path
        The folder of the file.
    name : str
        As written in the file.

    Returns
    -------
    pathlib.Path or None
        None if it lies, through ``..`` or links, outside the folder, is no path, or
        names another computer. It need not exist.
    """
    if names_other_computer(name) or ".." in PurePath(name).parts:
        return None
    try:
        path, root = (folder / name).resolve(), folder.resolve()
    except (OSError, ValueError, RuntimeError):  # an invalid name; a loop of links
        return None
    return path if root in path.parents else None


def symbolic_links(folder: Path) -> Iterator[Path]:
    """Yield the symbolic links in a folder, and the folder if it is one."""
    if folder.is_symlink():
        yield folder
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink():
                yield path
