"""Tiles encoded while the machine is idle, in the order they were asked for.

Knows the source of the tiles. Must not know why a tile is wanted, nor which
come next: that is for whoever submits them.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from napari_hqsam.errors import HqsamWarning
from napari_hqsam.worker import Priority, Ticket, Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.embeddings.source import TileSource
    from napari_hqsam.tiling import Tile

POLL_INTERVAL = 0.5
"""Seconds after which work that waits for the foreground checks its ticket."""


class Prefetcher:
    """A thread that encodes tiles in the background.

    It works on one tile at a time and begins none while a foreground call of the
    source is under way (`TileSource.features`, `TileSource.foreground`).

    Parameters
    ----------
    source : TileSource
    """

    def __init__(self, source: TileSource) -> None:
        self.source = source
        self._worker = Worker(lambda answer: answer(), name="hqsam-tiles")
        self._failed = 0
        self._first_error: Exception | None = None

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
        plane = tuple(index)
        topic = f"{plane} {tile}"
        if self._worker.waiting(topic):
            return

        def encode(ticket: Ticket) -> None:
            while not self.source.wait_until_quiet(POLL_INTERVAL):
                ticket.check()
            ticket.check()
            self.source.prefetch(plane, tile)

        self._worker.submit(
            Priority.PREFETCH, topic, encode, lambda _: None, self._fail, replace=False
        )

    def _fail(self, error: Exception) -> None:
        """Count it: it is told at the end, and to whoever needs the tile."""
        self._failed += 1
        self._first_error = self._first_error or error

    def cancel(self) -> None:
        """Forget the tiles that were not begun."""
        self._worker.cancel()

    @property
    def pending(self) -> int:
        """Tiles that wait; not the one in work."""
        return self._worker.pending

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all is done; False if that takes longer.

        Parameters
        ----------
        timeout : float, optional
            Seconds; no limit by default.
        """
        return self._worker.join(timeout)

    def close(self) -> None:
        """Forget what waits, and end with the tile in work.

        Warns
        -----
        HqsamWarning
            Tiles could not be encoded. Whoever needs one gets the error then.
        """
        self._worker.close()
        self._worker.join()
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
