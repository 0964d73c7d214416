"""Encode tiles in the background, at low priority, in the order submitted.

Knows the source of the tiles; must not know why a tile is needed or which come next:
the caller decides that.
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
"""Seconds between checks for cancellation while the foreground works."""


class Prefetcher:
    """A thread that encodes tiles in the background.

    It encodes one tile at a time, and starts none during a foreground call of the
    source (`TileSource.features`, `TileSource.foreground`).

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
        """Queue a tile; one that is queued already keeps its position.

        Parameters
        ----------
        index : tuple of int
            Position of the plane along the leading axes of the image.
        tile : Tile

        Raises
        ------
        RuntimeError
            The prefetcher is closed.
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
        """Count a failure; `close` warns of it, and `features` will raise it."""
        self._failed += 1
        self._first_error = self._first_error or error

    def cancel(self) -> None:
        """Remove the queued tiles."""
        self._worker.cancel()

    @property
    def pending(self) -> int:
        """Number of queued tiles, without the one being encoded."""
        return self._worker.pending

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all tiles are encoded; False after the timeout.

        Parameters
        ----------
        timeout : float, optional
            Seconds; no limit by default.
        """
        return self._worker.join(timeout)

    def close(self) -> None:
        """Remove the queued tiles, and end after the one being encoded.

        Warns
        -----
        HqsamWarning
            Tiles could not be encoded; `TileSource.features` of them will raise.
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
