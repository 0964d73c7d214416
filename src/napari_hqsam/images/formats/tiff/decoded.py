"""LRU cache of decoded chunks, with a limit in bytes.

A page of a TIFF may be compressed as one piece. Windows of it are then read one
after the other, and to each of them the whole page would be decoded again.
Knows zarr's stores and nothing of formats.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from zarr.storage import WrapperStore

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from zarr.abc.store import ByteRequest, Store
    from zarr.core.buffer import Buffer, BufferPrototype


class ChunkCache:
    """LRU cache of the decoded chunks of all arrays of a file. Thread-safe.

    Parameters
    ----------
    max_bytes : int
        Limit of the cache; one chunk is kept, however large.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._chunks: OrderedDict[Hashable, Buffer] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Buffer | None:
        """Return a chunk; None if it is not cached."""
        with self._lock:
            if key in self._chunks:
                self._chunks.move_to_end(key)
            return self._chunks.get(key)

    def make_room(self, size: int) -> None:
        """Evict least recently used chunks until `size` more bytes fit the limit.

        Called before a chunk is decoded, so that two large ones are never in
        memory together.
        """
        with self._lock:
            while self._chunks and self._bytes + size > self.max_bytes:
                self._bytes -= len(self._chunks.popitem(last=False)[1])

    def put(self, key: Hashable, chunk: Buffer) -> None:
        """Cache a chunk; the least recently used ones are evicted."""
        self.make_room(len(chunk))
        with self._lock:
            if key not in self._chunks:
                self._chunks[key] = chunk
                self._bytes += len(chunk)


class CachingStore(WrapperStore["Store"]):
    """A read-only zarr store that caches the chunks that another store decodes.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Gives decoded chunks.
    cache : ChunkCache
        Where they are kept; several stores may share it.
    name : hashable
        Which of the stores that share `cache` this one is.
    chunk_bytes : int
        Size of a decoded chunk.
    """

    def __init__(
        self, store: Store, cache: ChunkCache, name: Hashable, chunk_bytes: int
    ) -> None:
        super().__init__(store)
        self._cache, self._name, self._chunk_bytes = cache, name, chunk_bytes

    def _with_store(self, store: Store) -> CachingStore:
        return CachingStore(store, self._cache, self._name, self._chunk_bytes)

    async def get(
        self,
        key: str,
        prototype: BufferPrototype,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return a chunk from the cache; decode it if it is missing there."""
        place = self._name, key
        chunk = self._cache.get(place)
        if chunk is None:
            self._cache.make_room(self._chunk_bytes)
            try:
                chunk = await self._store.get(key, prototype, byte_range)
            except MemoryError as error:
                # Its size was checked: it is what the file says of compressed bytes.
                raise ImageError(
                    "a piece of it takes more memory than there is to be decoded"
                ) from error
            if chunk is not None:
                self._cache.put(place, chunk)
        return chunk
