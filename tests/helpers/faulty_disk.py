"""A disk that fails, or a process that dies, at any one operation on files.

`each_fault` lets something write files, records its operations, and then does the same
again for each of them and each kind of fault. No program is really killed: a `Killed`
goes up, and from then on nothing that cleans up changes anything on the disk.

Python's audit hook sees what changes names, and may refuse it; `open`, `os.write`,
`os.fsync` and locks are wrapped, for what it does not see.
"""

import builtins
import errno
import fcntl
import io
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from napari_hqsam.errors import HqsamError

_EVENTS = {
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.utime",
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_NEED_SPACE = {"open", "write", "fsync", "os.mkdir", "os.link"}
KINDS = ("kill", "EIO", "ENOSPC", "EROFS")
"""A kill; one operation fails; from one on, all that need space, or all, fail."""


class Killed(BaseException):
    """The process died here."""


class Disk:
    """The files below a folder.

    Parameters
    ----------
    folder : Path
    kind : str
        One of `KINDS`, or "ENOLCK": it does not support locks.
    at : int, optional
        At which operation; None: never.
    """

    def __init__(self, folder, kind="kill", at=None):
        self.folder, self.kind, self.at = os.path.realpath(folder), kind, at
        self.done = []
        """Operations so far."""
        self.dead = False

    def step(self, name, path):
        """Note an operation, or let it fail."""
        if not self.holds(path):
            return
        if self.dead:
            raise Killed
        number = len(self.done)
        self.done.append(f"{name} {os.path.relpath(os.fspath(path), self.folder)}")
        if self._fails(name, number):
            if self.kind == "kill":
                self.dead = True
                raise Killed
            code = getattr(errno, self.kind)
            raise OSError(code, os.strerror(code), os.fspath(path))

    def _fails(self, name, number):
        if self.kind == "ENOLCK":
            return name == "flock"
        if self.at is None or number < self.at:
            return False
        if self.kind in ("kill", "EIO"):
            return number == self.at
        if self.kind == "ENOSPC":
            return name in _NEED_SPACE
        return name != "flock"

    @property
    def where(self):
        """Which fault, at which operation."""
        happened = self.at is not None and self.at < len(self.done)
        return f"{self.kind} at {self.at}: {self.done[self.at] if happened else '-'}"

    def holds(self, path):
        """Whether a path, or an open file, is below the folder."""
        path = _path_of(path) if isinstance(path, int) else os.fsdecode(path)
        return os.path.abspath(path).startswith(f"{self.folder}{os.sep}")

    def __enter__(self):
        global _disk
        opened = _open_of(self)
        self._patches = [
            mock.patch.object(builtins, "open", opened),
            mock.patch.object(io, "open", opened),
            *(self._watch(os, name) for name in ("write", "fsync", "sendfile")),
            self._watch(fcntl, "flock"),
        ]
        for patch in self._patches:
            patch.start()
        _disk = self
        return self

    def __exit__(self, *_):
        global _disk
        _disk = None
        for patch in self._patches:
            patch.stop()

    def _watch(self, module, name):
        """Let a function of open files be an operation; a write may be half done."""
        real = getattr(module, name)

        def call(descriptor, *rest):
            if name == "flock" and rest[0] & fcntl.LOCK_UN:  # as if it died
                return real(descriptor, *rest)
            path = _path_of(descriptor)
            try:
                self.step(name, path)
            except Killed:
                if name == "write" and self.holds(path):
                    real(descriptor, bytes(rest[0])[: len(rest[0]) // 2])
                raise
            return real(descriptor, *rest)

        return mock.patch.object(module, name, call)


def _path_of(descriptor):
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").removesuffix(" (deleted)")
    except OSError:
        return ""


def _open_of(disk):
    real = io.open

    class Raw(io.FileIO):
        """An open file; what a dead process still has in its buffers is lost."""

        def write(self, data):
            data = bytes(data)
            if disk.dead:
                return len(data)
            try:
                disk.step("write", self.name)
            except Killed:
                super().write(data[: len(data) // 2])
                raise
            return super().write(data)

        def truncate(self, size=None):
            if disk.dead:
                return size
            disk.step("os.truncate", self.name)
            return super().truncate(size)

    def opened(file, mode="r", buffering=-1, encoding=None, errors=None, *rest, **more):
        writes = isinstance(mode, str) and set(mode) & set("wxa+")
        if isinstance(file, int) or not writes or not disk.holds(file):
            return real(file, mode, buffering, encoding, errors, *rest, **more)
        opener = more.get("opener")
        plain = Raw(os.fspath(file), mode.strip("bt").replace("b", ""), True, opener)
        if buffering == 0:
            return plain
        made = (io.BufferedRandom if "+" in mode else io.BufferedWriter)(plain)
        if "b" in mode:
            return made
        return io.TextIOWrapper(made, encoding or "utf-8", errors, more.get("newline"))

    return opened


_disk: Disk | None = None


def _audit(event, arguments):
    disk = _disk
    if disk is None:
        return
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, str | bytes) and isinstance(flags, int) and flags & _WRITES:
            disk.step("open", path)
    elif event in _EVENTS:
        path = arguments[1 if event in ("os.rename", "os.link") else 0]
        if isinstance(path, int):
            path = _path_of(path)
        elif event != "os.truncate" and arguments[-1] not in (-1, None):
            path = os.path.join(_path_of(arguments[-1]), os.fsdecode(path))
        disk.step(event, path)


sys.addaudithook(_audit)  # for good: there is no way to take it away again


@dataclass
class Fault:
    """What became of something that a fault came into.

    Attributes
    ----------
    folder : Path
        Where it wrote.
    state
        What `prepare` gave.
    where : str
        Which fault, at which operation.
    killed : bool
    told : list of str
        What the user was told: an error of ours, or warnings.
    """

    folder: Path
    state: Any
    where: str
    killed: bool
    told: list[str]


def each_fault(folder, prepare, act, kinds=KINDS, every=1):
    """Do something again and again, each time with another fault.

    Parameters
    ----------
    folder : Path
        Where to do it, each time in a folder of its own.
    prepare : callable
        Gets that folder, makes files in it, and returns what `act` and the test need.
    act : callable
        Gets what was prepared.
    kinds : sequence of str
    every : int
        Faults at each operation whose number is a multiple of it.

    Yields
    ------
    Fault
        An error which is none of ours goes up, with a note that says where.
    """
    whole = Disk(_made(folder / "whole"))
    state = prepare(folder / "whole")
    with whole:
        act(state)
    assert whole.done, "nothing was written"
    for kind in kinds:
        for at in [None] if kind == "ENOLCK" else range(0, len(whole.done), every):
            yield _fault(_made(folder / f"{kind}-{at}"), prepare, act, kind, at)


def _made(folder):
    folder.mkdir()
    return folder


def _fault(folder, prepare, act, kind, at):
    state, disk = prepare(folder), Disk(folder, kind, at)
    told, killed = [], False
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            with disk:
                act(state)
        except Killed:
            killed = True
        except HqsamError as error:
            told.append(str(error))
        except BaseException as error:
            error.add_note(disk.where)
            raise
    told += [str(w.message) for w in warned]
    assert not any("\n" in text for text in told), disk.where
    return Fault(folder, state, disk.where, killed, told)
