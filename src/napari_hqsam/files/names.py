"""What a path says before anything is looked at, and what only a look tells.

Whether two paths are one file, text does not tell, for links and upper case. Whether
a path may be looked at at all, only its text may tell.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def same_file(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> bool:
    """Whether two paths are, or would be, one file or folder.

    Parameters
    ----------
    first, second : path
        There need be nothing at them.
    """
    try:
        return os.path.samefile(first, second)
    except (OSError, ValueError):  # at least one of them is not there
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

    On Windows a mere look at such a path (UNC) tells that computer who looks, with
    something to guess the password from. What a stranger's file names is asked here
    first, on any system: the answer does not depend on it, and nothing is looked at.

    Parameters
    ----------
    path : str
        As it stands in the file.
    """
    text = path.strip().replace("/", "\\")
    return text.startswith(("\\\\", "\\??\\")) or "://" in path


def below(folder: Path, name: str) -> Path | None:
    """Return the path of what a file of a stranger names below its folder.

    Parameters
    ----------
    folder : pathlib.Path
        Where that file is.
    name : str
        As it stands in it.

    Returns
    -------
    pathlib.Path or None
        None if it is, through ``..`` or links, not below the folder, is no path,
        or names another computer. There need be nothing at the path.
    """
    if names_other_computer(name) or ".." in PurePath(name).parts:
        return None
    try:
        path, root = (folder / name).resolve(), folder.resolve()
    except (OSError, ValueError, RuntimeError):  # no name of a file; links in a circle
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
