"""Start a Python program of a test in a process of its own."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def command(program, *arguments):
    """The command line of a program."""
    return [sys.executable, str(program), *map(str, arguments)]


def environment():
    """The environment in which programs import `tests` too, from any folder."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
