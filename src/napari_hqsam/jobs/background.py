"""A job in a process of its own, for a program with a window.

``python -m napari_hqsam.jobs.background [--restart] [--nice N]`` reads a job as a line
of JSON from stdin, and runs it. It ends when stdin is closed, be it to cancel the job
or because the other program is gone; what was done is kept, and the same job goes on.
It writes its progress to stdout, a JSON object per line:

``{"unit": "image", "done": 3, "total": 10}``
    Units done of a loop; total is null if that is not known.
``{"step": "load the model"}``
    What begins.
``{"warning": "..."}``
``{"images": 10, "resumed": 0, "objects": 512, "failed": [["a.tif", "why"]]}``
    The result, last.
``{"error": "..."}``
    Why there is none, last.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import traceback
import warnings
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamError, HqsamWarning
from napari_hqsam.jobs.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODULE = "napari_hqsam.jobs.background"
COMPLETE, SOME_FAILED, BAD_INPUT, CRASHED = 0, 1, 2, 3
INTERRUPTED = 128 + signal.SIGINT
"""Exit codes, as of the command line."""
_PATIENCE = 20.0
"""Seconds in which a cancelled job may finish what it writes."""


class JsonReporter(Reporter):
    """Writes the progress of a job as lines of JSON.

    Parameters
    ----------
    stream : text file
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write_line(self, **line: Any) -> None:  # noqa: ANN401 - of JSON
        """Write a line."""
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Write that a step begins."""
        self.write_line(step=title)
        yield []

    @contextmanager
    def progress(
        self, unit: str, total: int | None = None
    ) -> Iterator[Callable[[int], object]]:
        """Write how many units are done."""
        done = 0

        def advance(units: int) -> None:
            nonlocal done
            done += units
            self.write_line(unit=unit, done=done, total=total)

        advance(0)
        yield advance


def run_described(line: str, reporter: JsonReporter, *, restart: bool = False) -> int:
    """Run a job, and write its result.

    Parameters
    ----------
    line : str
        The job as JSON; its paths are absolute.
    reporter : JsonReporter
    restart : bool
        Do all images again.

    Returns
    -------
    int
        Exit code.
    """
    from napari_hqsam.jobs.description import Job
    from napari_hqsam.jobs.description.schema import build
    from napari_hqsam.jobs.runs.run import run_job

    def show(message: Warning | str, *_: object, **__: object) -> None:
        reporter.write_line(warning=str(message))

    try:
        job = build(Job, json.loads(line))
        with warnings.catch_warnings():
            warnings.simplefilter("always", HqsamWarning)
            warnings.showwarning = show
            done = run_job(job, restart=restart, reporter=reporter)
    except HqsamError as error:
        reporter.write_line(error=str(error))
        return BAD_INPUT
    reporter.write_line(
        images=done.images,
        resumed=done.resumed,
        objects=done.objects,
        failed=done.failed,
    )
    return SOME_FAILED if done.failed else COMPLETE


def interrupt_at_end(stream: IO[str]) -> None:
    """Interrupt the main thread when a stream ends; exit if that does not help."""
    stream.read()
    if hasattr(signal, "pthread_kill"):  # wakes a thread that waits
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)
    threading.Event().wait(_PATIENCE)
    os._exit(INTERRUPTED)


def main() -> None:
    """Run the job that stdin describes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--restart", action="store_true")
    parser.add_argument("--nice", type=int, default=0)
    options = parser.parse_args()
    if hasattr(os, "nice"):
        os.nice(options.nice)
    line = sys.stdin.readline()
    # Prints of libraries must not get between the lines.
    reporter, sys.stdout = JsonReporter(sys.stdout), sys.stderr
    watch = threading.Thread(target=interrupt_at_end, args=(sys.stdin,), daemon=True)
    watch.start()
    code = CRASHED
    try:
        code = run_described(line, reporter, restart=options.restart)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception:
        traceback.print_exc()
    finally:  # an orderly end would wait for the thread that reads stdin
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
