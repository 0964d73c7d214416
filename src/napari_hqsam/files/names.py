"""Whether two paths are one file: text does not tell, for links and upper case."""

from __future__ import annotations

import os


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
