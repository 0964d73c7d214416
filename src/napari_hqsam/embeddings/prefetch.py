"""Tiles encoded while the machine is idle, in the order they were asked for.

Knows the source of the tiles. Must not know why a tile is wanted, nor which
come next: that is for whoever submits them.
"""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.embeddings.source import TileSource
    from napari_hqsam.tiling import Tile

PATIENCE = 0.5
"""Seconds after which the waiting background looks whether to go on at all."""


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
        self._queue: dict[tuple[tuple[int, ...], Tile], None] = {}  # an ordered set
        self._failed = 0
        self._first_error: Exception | None = None
        self._thread: threading.Thread | None = None
        self._working = False
        self._closed = False
        self._changed = threading.Condition()

    def submit(self, index: Sequence[int], tile: Tile) -> None:
        """Ask for a tile; one that waits already keeps its place.

        Parameters
        ----------
        index : tuple of int
            Plane, over the leading axes of the image.
        tile : Tile

        Raises
        ------
        RuntimeError
            It was closed.
        """
        with self._changed:
            if self._closed:
                raise RuntimeError("the prefetcher is closed")
            self._queue[tuple(index), tile] = None
            if not self._working:
                self._working = True
                self._thread = threading.Thread(target=self._work, name="hqsam-tiles")
                self._thread.start()

    def cancel(self) -> int:
        """Forget the tiles that were not begun; return how many there were."""
        with self._changed:
            count = len(self._queue)
            self._queue.clear()
            return count

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

    def close(self) -> None:
        """Forget what waits, and end with the tile in work.

        Warns
        -----
        HqsamWarning
            Tiles could not be encoded. Whoever needs one gets the error then.
        """
        with self._changed:
            self._closed = True
            self._queue.clear()
            thread = self._thread
        if thread is not None:
            thread.join()
        failed, self._failed = self._failed, 0
        if failed:
            warnings.warn(
                f"{failed} tiles could not be encoded in the background; the first: "
                f"{self._first_error}",
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
                self.source.prefetch(*job)
            except Exception as error:  # told at the end, and to whoever needs it
                with self._changed:
                    self._failed += 1
                    self._first_error = self._first_error or error

    def _next(self) -> tuple[tuple[int, ...], Tile] | None:
        """Take the next tile once nobody waits; None to end the thread."""
        while True:
            quiet = self.source.wait_until_quiet(PATIENCE)
            with self._changed:
                ending = not threading.main_thread().is_alive()
                if ending or not self._queue:
                    self._working = False
                    self._changed.notify_all()
                    return None
                if quiet:
                    job = next(iter(self._queue))
                    del self._queue[job]
                    return job
