"""What a worker process keeps between tasks, and how it ends."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from multiprocessing.connection import Connection

T = TypeVar("T")

_INTERRUPTED = 128 + signal.SIGINT
_kept: dict[str, tuple[Hashable, Any]] = {}
_lock = threading.RLock()
_number = 0


def loaded(key: Hashable, load: Callable[[], T], slot: str = "model") -> T:
    """Return what this process keeps under a key; load it on first use.

    Parameters
    ----------
    key : hashable
    load : callable
    slot : str
        What it is; of each kind the last one is kept: there is room for one model.
    """
    with _lock:
        if slot not in _kept or _kept[slot][0] != key:
            _kept.pop(slot, None)
            _kept[slot] = key, load()
        found: T = _kept[slot][1]
        return found


def worker_number() -> int:
    """Return the number of this worker, from 0; 0 in the main process."""
    return _number


def set_worker_number(number: int) -> None:
    """Set the number of this worker."""
    global _number
    _number = number


def begin_worker(
    numbers: Any,  # noqa: ANN401 - a synchronized int
    threads: int,
    stop: Connection,
) -> None:
    """Prepare a worker process; the initializer of a pool.

    It ignores ctrl-C, which the main process handles, and ends at once when that ends
    or says so: a killed program leaves no worker behind that holds a GPU.

    Parameters
    ----------
    numbers : multiprocessing.Value
        Next number of a worker.
    threads : int
        That torch and others may use.
    stop : Connection
        Ready when the workers are to end.
    """
    import multiprocessing

    with numbers.get_lock():
        set_worker_number(numbers.value)
        numbers.value += 1
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel, stop])
        os._exit(_INTERRUPTED)

    threading.Thread(target=watch, name="hqsam-parent-watch", daemon=True).start()
