"""What a run of a job keeps in its output folder: a lock and the ledger.

The ledger has one line per task, written when its labels are in place. It is keyed by
the task, so that neither their order nor their number matters, and it stays after the
run: the next one does what was added, changed or failed.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import OutputError, reason
from napari_hqsam.files import try_lock
from napari_hqsam.jobs.description.schema import to_plain
from napari_hqsam.jobs.files.json_lines import JsonLines, differing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.jobs.description import Job
    from napari_hqsam.jobs.runs.inputs import ImageTask

FOLDER = ".hqsam-job"
"""In the output folder."""
_LOCK, _LEDGER = "lock", "ledger.jsonl"
_FORMAT = 1


@dataclass(frozen=True)
class TaskRecord:
    """A line of the ledger.

    Attributes
    ----------
    signature : str
        Signature of the input, see `signature_of`, before the task was run.
    objects : int or None
        Objects in its labels, where that is known.
    error : str
        Why it failed; empty if it did not.
    """

    signature: str
    objects: int | None = None
    error: str = ""


class JobStorage:
    """The lock and the ledger of a job.

    Parameters
    ----------
    job : Job
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.folder = Path(job.outputs.folder, FOLDER)
        self.ledger = JsonLines(self.folder / _LEDGER)
        self.records: dict[str, TaskRecord] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the job against other processes; released if the process is killed.

        Raises
        ------
        OutputError
            Another process runs it, or the folder cannot be created.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"folder {self.folder.parent} cannot be made ({reason(error)}): give "
                "another"
            ) from error
        lock = try_lock(self.folder / _LOCK)
        if lock is None:
            raise OutputError(
                f"another process runs a job with the outputs {self.folder.parent}: "
                "wait for it, or name another folder"
            )
        with lock:
            lock.warn_if_unconfirmed("running the same job")
            yield

    def open(self, *, restart: bool = False) -> None:
        """Read the records of earlier runs; begin a new ledger if there are none.

        Parameters
        ----------
        restart : bool
            Discard them.

        Raises
        ------
        OutputError
            The earlier runs had other settings.
        """
        header = self._identity()
        begun = None if restart else self.ledger.header()
        if begun is None:
            self.ledger.begin(header)
        elif wrong := differing(begun, header):
            raise OutputError(
                f"{self.folder.parent} holds labels of a job that differs in "
                f"{', '.join(wrong)}: use the same settings to go on, restart, or name "
                "another folder",
                parameter="restart",
            )
        self.ledger.mend()
        for line in self.ledger.lines():
            if "task" in line:
                self.records[str(line["task"])] = TaskRecord(
                    str(line.get("input", "")),
                    line.get("objects"),
                    str(line.get("error", "")),
                )

    def is_done(self, task: ImageTask, signature: str) -> bool:
        """Whether the labels of a task exist and were made from its current input."""
        record = self.records.get(task.key)
        return (
            record is not None
            and not record.error
            and record.signature == signature
            and os.path.exists(task.out)
        )

    def record(self, task: ImageTask, record: TaskRecord) -> None:
        """Append the line of a task; it is on the disk on return."""
        line: dict[str, Any] = {"task": task.key, "input": record.signature}
        if record.error:
            line["error"] = record.error
        else:
            line["objects"] = record.objects
        self.ledger.append_line(line)
        self.records[task.key] = record

    def _identity(self) -> dict[str, Any]:
        """Return what must be equal for labels of two runs to belong together."""
        plain = to_plain(self.job)
        inputs = {k: v for k, v in plain["inputs"].items() if k not in _MAY_CHANGE}
        model = {k: v for k, v in plain.get("model", {}).items() if k != "device"}
        weights = [self.job.model.name, self.job.model.instance_decoder or ""]
        return {
            "format": _FORMAT,
            "inputs": inputs,
            "action": plain.get("action", {"kind": self.job.action.kind}),
            "model": model,
            "weights": [signature_of(path) for path in weights if os.path.exists(path)],
            "options": plain.get("options", {}),
            "suffix": self.job.outputs.suffix,
            "name": self.job.outputs.name,
        }


_MAY_CHANGE = ("paths", "pattern")


def signature_of(path: str) -> str:
    """Return what changes when a file, or one in a folder, is written.

    Parameters
    ----------
    path : str
        A file, or a zarr folder. Of an address on the web it is empty.

    Returns
    -------
    str
        A digest of sizes and times of modification; no pixels are read.
    """
    if "://" in path:
        return ""
    found = hashlib.sha256()
    try:
        for name, size, time in sorted(_entries(path, "")):
            found.update(f"{name}\0{size}\0{time}\n".encode())
    except OSError:
        return "missing"
    return found.hexdigest()[:32]


def _entries(path: str, below: str) -> Iterator[tuple[str, int, int]]:
    if not os.path.isdir(path):
        status = os.stat(path)
        yield below, status.st_size, status.st_mtime_ns
        return
    with os.scandir(path) as entries:
        for entry in entries:
            name = f"{below}/{entry.name}"
            if entry.is_dir():
                yield from _entries(entry.path, name)
            else:
                status = entry.stat()
                yield name, status.st_size, status.st_mtime_ns
