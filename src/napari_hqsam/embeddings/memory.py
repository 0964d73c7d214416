"""In-memory LRU caches with a byte budget."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from napari_hqsam.network import TileFeatures

DEFAULT_BYTES = 1 << 30

T = TypeVar("T")


def tile_bytes(features: TileFeatures) -> int:
    """Return the memory of a tile's features, bytes."""
    return sum(t.numel() * t.element_size() for t in features)


class SingleFlight(Generic[T]):
    """Deduplicates concurrent calls: one thread computes, the others wait for it."""

    def __init__(self) -> None:
        self._making: dict[Hashable, Future[T | None]] = {}
        self._lock = threading.Lock()

    def do(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the result of `make`, or that of a concurrent call with the key.

        If the computing thread fails, only it raises; one of the waiting threads
        tries again.
        """
        while True:
            with self._lock:
                others = self._making.get(key)
                if others is None:
                    mine = self._making[key] = Future()
                    break
            made = others.result()
            if made is not None:
                return made
        made = None
        try:
            made = make()
            return made
        finally:
            with self._lock:
                del self._making[key]
            mine.set_result(made)


class ByteCache(Generic[T]):
    """LRU cache of objects that can be computed again.

    Parameters
    ----------
    size : callable
        Returns the bytes of an entry.
    max_bytes : int
        Budget; the most recent entry always stays.
    """

    def __init__(self, size: Callable[[T], int], max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._size = size
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()
        self._flights: SingleFlight[T] = SingleFlight()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the entry of a key; make and cache it if it is missing.

        Concurrent calls for one key make it once.
        """
        found = self._find(key)
        return (
            found
            if found is not None
            else self._flights.do(key, self._maker(key, make))
        )

    def _maker(self, key: Hashable, make: Callable[[], T]) -> Callable[[], T]:
        def find_or_make() -> T:
            # another thread may have made it meanwhile
            found = self._find(key)
            return self._keep(key, make()) if found is None else found

        return find_or_make

    def _find(self, key: Hashable) -> T | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: Hashable, made: T) -> T:
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > 1 and self._bytes() > self.max_bytes:
                self._kept.popitem(last=False)
        return made

    def clear(self) -> None:
        """Remove all entries."""
        with self._lock:
            self._kept.clear()

    @property
    def bytes(self) -> int:
        """Memory in use."""
        with self._lock:
            return self._bytes()

    def _bytes(self) -> int:
        return sum(map(self._size, self._kept.values()))

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)


class TileCache(ByteCache["TileFeatures"]):
    """Decode-ready tiles in memory.

    Parameters
    ----------
    max_bytes : int
        As for `ByteCache`.
    """

    def __init__(self, max_bytes: int = DEFAULT_BYTES) -> None:
        super().__init__(tile_bytes, max_bytes)
