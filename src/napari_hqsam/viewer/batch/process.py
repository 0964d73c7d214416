"""The process of a job: started, heard and ended through Qt, without waiting for it."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QObject, QProcess

from napari_hqsam.jobs.background import INTERRUPTED, MODULE
from napari_hqsam.viewer.main_thread import timer

NICENESS = 5
"""By which the job yields the processor to clicks."""
PATIENCE = 15_000
"""Milliseconds until a cancelled job that does not end is killed."""


class JobProcess(QObject):
    """A job in a process of its own; see `jobs.background`.

    Parameters
    ----------
    parent : QObject
    """

    told = Signal(dict)
    """A line that the job wrote."""
    ended = Signal(str)
    """It has ended: "" if it has told its result, or was cancelled, else why not."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_errors)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        self._kill = timer(self, PATIENCE, self._process.kill)
        self._last_error = ""
        self.cancelled = False

    def start(self, job: dict[str, Any], *, restart: bool) -> None:
        """Start a job.

        Parameters
        ----------
        job : dict
            As of `description.schema.to_plain`; its paths are absolute.
        restart : bool
        """
        options = ["--nice", str(NICENESS), *(["--restart"] if restart else [])]
        self._process.start(sys.executable, ["-m", MODULE, *options])
        self._process.write(json.dumps(job).encode() + b"\n")

    def cancel(self) -> None:
        """Let it end; what was done is kept. It is killed if it takes too long."""
        self.cancelled = True
        self._process.closeWriteChannel()
        self._kill.start()

    def kill(self) -> None:
        """End it at once, and wait until it has; labels appear only when complete."""
        self._process.blockSignals(True)
        self._kill.stop()
        self._process.kill()
        self._process.waitForFinished(PATIENCE)

    def _read(self) -> None:
        while self._process.canReadLine():
            line = bytes(self._process.readLine().data()).decode(errors="replace")
            with suppress(ValueError):
                found = json.loads(line)
                if isinstance(found, dict):
                    self.told.emit(found)

    def _read_errors(self) -> None:
        text = bytes(self._process.readAllStandardError().data()).decode(
            errors="replace"
        )
        lines = [line for line in text.splitlines() if line.strip()]
        self._last_error = lines[-1].strip() if lines else self._last_error

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.ended.emit(
                f"the batch did not start: {sys.executable}: "
                f"{self._process.errorString()}"
            )

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._kill.stop()
        self._read()
        self._read_errors()
        crashed = status == QProcess.ExitStatus.CrashExit
        if self.cancelled or (not crashed and code <= 2):
            self.ended.emit("")
        elif code == INTERRUPTED and not crashed:
            self.ended.emit("the batch was interrupted; run it again to do the rest")
        else:
            self.ended.emit(
                "the process of the batch ended unexpectedly"
                + (f" ({self._last_error})" if self._last_error else "")
                + ", as when memory runs out; run it again to do the rest"
            )
