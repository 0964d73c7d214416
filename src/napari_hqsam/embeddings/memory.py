"""A cache of decode-ready tiles with a byte budget, least recently used out."""

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
    """Memory that a tile's features take, bytes."""
    return sum(t.numel() * t.element_size() for t in features)


class SingleFlight(Generic[T]):
    """Several threads that want one thing at once: one makes it, the others wait."""

    def __init__(self) -> None:
        self._making: dict[Hashable, Future[T | None]] = {}
        self._lock = threading.Lock()

    def do(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` gives, or what it just gave another thread.

        If the thread that makes it fails, its error is its own: the next of
        those that wait tries for itself.
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


class TileCache:
    """Decode-ready tiles in memory.

    Parameters
    ----------
    max_bytes : int
        Budget; the tile asked for last always stays.
    """

    def __init__(self, max_bytes: int = DEFAULT_BYTES) -> None:
        self.max_bytes = max_bytes
        self._tiles: OrderedDict[Hashable, TileFeatures] = OrderedDict()
        self._lock = threading.Lock()
        self._flights: SingleFlight[TileFeatures] = SingleFlight()

    def get(self, key: Hashable, make: Callable[[], TileFeatures]) -> TileFeatures:
        """Return the tile under a key, made (and kept) when it is not there.

        One tile is never made twice at once, whatever number of threads ask.
        """
        return self._find(key) or self._flights.do(
            key,
            # Another thread may have made it since it was not found.
            lambda: self._find(key) or self._keep(key, make()),
        )

    def _find(self, key: Hashable) -> TileFeatures | None:
        with self._lock:
            if key in self._tiles:
                self._tiles.move_to_end(key)
            return self._tiles.get(key)

    def _keep(self, key: Hashable, made: TileFeatures) -> TileFeatures:
        with self._lock:
            self._tiles[key] = made
            while len(self._tiles) > 1 and self._bytes() > self.max_bytes:
                self._tiles.popitem(last=False)
        return made

    def clear(self) -> None:
        """Forget all tiles."""
        with self._lock:
            self._tiles.clear()

    @property
    def bytes(self) -> int:
        """Memory in use."""
        with self._lock:
            return self._bytes()

    def _bytes(self) -> int:
        return sum(map(tile_bytes, self._tiles.values()))

    def __contains__(self, key: Hashable) -> bool:
        return key in self._tiles

    def __len__(self) -> int:
        return len(self._tiles)
