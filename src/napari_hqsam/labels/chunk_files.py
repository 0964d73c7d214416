"""The files of a zarr array whose writing can be stopped.

An assignment to a zarr array that is interrupted, or fails at one chunk, goes on
with the other chunks in zarr's own threads. Whoever then removes the folder would
see it come back. Knows nothing of labels.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from zarr.storage import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from zarr.core.buffer import Buffer

_PAUSE = 0.01  # seconds between two looks at what is still being written


class ChunkFiles(LocalStore):
    """A folder as zarr's store; nothing is written after `stop`."""

    _writing = 0
    _stopped = False

    async def set(self, key: str, value: Buffer) -> None:
        """Write a file, unless stopped."""
        self._writing += 1  # first, so that `stop` sees it if it is not seen here
        try:
            if self._stopped:
                raise OSError(f"{key} is not written any more")
            await super().set(key, value)
        finally:
            self._writing -= 1

    def stop(self) -> None:
        """Refuse all further files, and wait for those that are being written."""
        self._stopped = True
        while self._writing:
            time.sleep(_PAUSE)


@contextmanager
def chunk_files(folder: Path) -> Iterator[ChunkFiles]:
    """Give a store that is stopped if an error leaves the block.

    Parameters
    ----------
    folder : pathlib.Path
        Made when the first file is written.
    """
    store = ChunkFiles(folder)
    try:
        yield store
    except BaseException:
        store.stop()
        raise
