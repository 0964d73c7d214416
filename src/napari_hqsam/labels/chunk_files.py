"""A zarr store of files whose writes can be stopped, and synced to disk.

An assignment to a zarr array that is interrupted, or fails at one chunk, goes on
with the other chunks in zarr's own threads. Whoever then removes the folder would
see it come back. Knows nothing of labels.
"""

from __future__ import annotations

import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from zarr.storage import LocalStore

from napari_hqsam.files import sync_folder, sync_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zarr.core.buffer import Buffer

    Written = Mapping[str, tuple[int, int] | None]
    """By the keys of files: size and CRC-32 of what is in them; None: removed."""

_PAUSE = 0.01  # seconds between two looks at what is still being written


class ChunkFiles(LocalStore):
    """A folder as zarr's store; nothing is written after `stop`."""

    _writing = 0
    _stopped = False
    _changed: dict[str, tuple[int, int] | None] | None = None

    async def set(self, key: str, value: Buffer) -> None:
        """Write a file, unless stopped."""
        self._writing += 1  # first, so that `stop` sees it if it is not seen here
        try:
            if self._stopped:
                raise OSError(f"{key} is not written any more")
            await super().set(key, value)
            if self._changed is not None:
                content = value.to_bytes()
                self._changed[key] = len(content), zlib.crc32(content)
        finally:
            self._writing -= 1

    async def delete(self, key: str) -> None:
        """Remove a file: zarr keeps no chunks in which there is nothing."""
        await super().delete(key)
        if self._changed is not None:
            self._changed[key] = None

    def stop(self) -> None:
        """Refuse all further files, and wait for those that are being written."""
        self._stopped = True
        while self._writing:
            time.sleep(_PAUSE)

    def note_changes(self) -> None:
        """Record what is written from now on, for `sync`."""
        self._changed = {}

    def sync(self) -> Written:
        """Sync to disk what was written since `note_changes` or the last `sync`.

        Returns
        -------
        mapping of str to (int, int) or None
            What was written: see `fits`.

        Raises
        ------
        OSError
            It cannot be brought there.
        """
        written = dict(self._changed or {})
        self.note_changes()
        folders = set()
        for key, content in written.items():
            path = Path(self.root, key)
            if content is not None:
                sync_tree(path)
            folders.add(path.parent)
        for folder in folders:
            with suppress(OSError):
                sync_folder(folder)
        return written


def fits(root: Path, written: Written) -> bool:
    """Whether files are as they were written: a power cut may have emptied them."""
    try:
        for key, content in written.items():
            path = root / key
            if content is None:
                if path.exists():
                    return False
                continue
            size, checksum = content
            if path.stat().st_size != size:
                return False
            if zlib.crc32(path.read_bytes()) != checksum:
                return False
    except OSError:
        return False
    return True


@contextmanager
def chunk_files(folder: Path) -> Iterator[ChunkFiles]:
    """Yield a store, and stop it if the block raises.

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
