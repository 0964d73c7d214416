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


def apply_diff(text, diff):
    """Apply hunks that name no line numbers; each must fit in exactly one place."""
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(before) == 1, f"fits in {text.count(before)} places:\n{hunk}"
        text = text.replace(before, after)
    return text


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
            changed = apply_diff(path.read_text(), block.text)
            path.unlink()
            path.write_text(changed)
        else:
            assert not path.exists(), f"{path} exists already"
            path.write_text(block.text)
    return source
