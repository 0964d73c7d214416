"""The worked examples of docs/contributing.md, put in a copy of the package."""

import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "contributing.md"
_BLOCK = re.compile(r'^```(python|diff) title="src/(.+?)"\n(.*?)^```$', re.M | re.S)


class Block(NamedTuple):
    """A block of code of the page: a new file, or changes to a table."""

    language: str
    path: str
    text: str


def read_blocks(text):
    """The blocks of a page that have a path as title."""
    return [Block(*match.groups()) for match in _BLOCK.finditer(text)]


def insert_lines(text, diff):
    """Insert the lines of each hunk after the line that it shows, which is unique."""
    lines = text.splitlines(keepends=True)
    for hunk in diff.split("@@\n"):
        shown, *added = hunk.splitlines(keepends=True)
        assert shown[0] == " ", hunk
        assert all(line[0] == "+" for line in added), hunk
        assert lines.count(shown[1:]) == 1, f"not once in the file: {shown}"
        place = lines.index(shown[1:]) + 1
        lines[place:place] = [line[1:] for line in added]
    return "".join(lines)


def copy_package(folder):
    """Make a package with all examples: links, but for the files that change.

    Returns
    -------
    Path
        To be on the path of Python.
    """
    source = folder / "src"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", source, copy_function=os.symlink, ignore=ignored)
    for block in read_blocks(PAGE.read_text()):
        path = source / block.path
        if block.language == "diff":
            changed = insert_lines(path.read_text(), block.text)
            path.unlink()
            path.write_text(changed)
        else:
            assert not path.exists(), f"{path} exists already"
            path.write_text(block.text)
    return source
