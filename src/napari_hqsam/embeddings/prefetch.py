"""Tiles encoded while the machine is idle, the most urgent first.

Knows the source of the tiles. Must not know why a tile is wanted, nor which
come next: that is for whoever submits them.
"""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from napari_hqsam.errors import HqsamWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_hqsam.embeddings.source import TileSource
    from napari_hqsam.tiling import Tile

PATIENCE = 0.5
"""Seconds after which the waiting background looks whether to go on at all."""


class Priority(IntEnum):
    """How urgent a tile is; the least number goes first."""

    CLICK = 0
    """A prompt is about to need it."""
    NEIGHBOUR = 1
    """Likely to be next: beside the last click, above or below it."""
    REST = 2
    """Some day: it goes to the store and not to memory. Without a store it goes to
    memory while that has room, and is forgotten then."""


@dataclass(frozen=True)
class Job:
    """A tile to encode.

    Attributes
    ----------
    index : tuple of int
        Plane, over the leading axes of the image.
    tile : Tile
    priority : Priority
    """

    index: tuple[int, ...]
    tile: Tile
    priority: Priority


class Failure(NamedTuple):
    """A tile that could not be had, and why."""

    job: Job
    error: Exception


class Prefetcher:
    """A thread that gets tiles ready in the background.

    It works on one tile at a time and begins none while a foreground call of the
    source is under way (`TileSource.features`, `TileSource.foreground`). The
    thread lives only while there is something to do; a program that ends does
    not wait for more than the tile in work.

    Parameters
    ----------
    source : TileSource
    """

    def __init__(self, source: TileSource) -> None:
        self.source = source
        self._queue: dict[tuple[tuple[int, ...], Tile], tuple[Priority, int]] = {}
        self._order = count()
        self._failures: list[Failure] = []
        self._thread: threading.Thread | None = None
        self._working = False
        self._closed = False
        self._changed = threading.Condition()

    def submit(
        self, index: Sequence[int], tile: Tile, priority: Priority = Priority.NEIGHBOUR
    ) -> None:
        """Ask for a tile; what was asked for before can only become more urgent.

        Parameters
        ----------
        index : tuple of int
            Plane, over the leading axes of the image.
        tile : Tile
        priority : Priority
            Tiles of the same priority keep their order.

        Raises
        ------
        RuntimeError
            It was closed.
        """
        key = (tuple(index), tile)
        with self._changed:
            if self._closed:
                raise RuntimeError("the prefetcher is closed")
            if key not in self._queue or priority < self._queue[key][0]:
                self._queue[key] = (Priority(priority), next(self._order))
            if not self._working:
                self._working = True
                self._thread = threading.Thread(target=self._work, name="hqsam-tiles")
                self._thread.start()

    def cancel(self, which: Callable[[Job], bool] | None = None) -> int:
        """Forget tiles that were not begun.

        Parameters
        ----------
        which : callable, optional
            Says for a `Job` whether to forget it; all by default.

        Returns
        -------
        int
            How many were forgotten.
        """
        with self._changed:
            gone = [
                key
                for key, (priority, _) in self._queue.items()
                if which is None or which(Job(*key, priority))
            ]
            for key in gone:
                del self._queue[key]
            return len(gone)

    @property
    def pending(self) -> int:
        """Tiles that wait; not the one in work."""
        return len(self._queue)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all is done; False if that takes longer.

        Parameters
        ----------
        timeout : float, optional
            Seconds; no limit by default.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self._working, timeout)

    def take_failures(self) -> list[Failure]:
        """Return what failed since the last call, to be told to whom it concerns."""
        with self._changed:
            failures, self._failures = self._failures, []
        return failures

    def close(self) -> None:
        """Forget what waits, and end with the tile in work.

        Warns
        -----
        HqsamWarning
            Tiles failed, and `take_failures` was not asked.
        """
        with self._changed:
            self._closed = True
            self._queue.clear()
            thread = self._thread
        if thread is not None:
            thread.join()
        failures = self.take_failures()
        if failures:
            warnings.warn(
                f"{len(failures)} tiles could not be encoded in the background; the "
                f"first: {failures[0].error}",
                HqsamWarning,
                stacklevel=2,
            )

    def __enter__(self) -> Prefetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the thread ------------------------------------------------------

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._do(job)
            except Exception as error:  # kept for whoever asks
                with self._changed:
                    self._failures.append(Failure(job, error))

    def _next(self) -> Job | None:
        """Take the most urgent job once nobody waits; None to end the thread."""
        while True:
            quiet = self.source.wait_until_quiet(PATIENCE)
            with self._changed:
                ending = not threading.main_thread().is_alive()
                if ending or not self._queue:
                    self._working = False
                    self._changed.notify_all()
                    return None
                if quiet:
                    key = min(self._queue, key=self._queue.__getitem__)
                    priority, _ = self._queue.pop(key)
                    return Job(*key, priority)

    def _do(self, job: Job) -> None:
        if job.priority < Priority.REST:
            self.source.prefetch(job.index, job.tile)
        elif self.source.keeps:
            self.source.embed(job.index, job.tile)
        elif not self.source.memory.full:  # else it would push out what is in use
            self.source.prefetch(job.index, job.tile)
