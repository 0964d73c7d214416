"""A cache of decode-ready tiles with a byte budget, least recently used out."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from napari_hqsam.network import TileFeatures

DEFAULT_BYTES = 1 << 30


def tile_bytes(features: TileFeatures) -> int:
    """Memory that a tile's features take, bytes."""
    return sum(t.numel() * t.element_size() for t in features)


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

    def get(self, key: Hashable, make: Callable[[], TileFeatures]) -> TileFeatures:
        """Return the tile under a key, made (and kept) when it is not there."""
        with self._lock:
            if key in self._tiles:
                self._tiles.move_to_end(key)
                return self._tiles[key]
        made = make()
        with self._lock:
            self._tiles[key] = made
            self._tiles.move_to_end(key)
            while len(self._tiles) > 1 and self.bytes > self.max_bytes:
                self._tiles.popitem(last=False)
        return made

    def clear(self) -> None:
        """Forget all tiles."""
        with self._lock:
            self._tiles.clear()

    @property
    def bytes(self) -> int:
        """Memory in use."""
        return sum(map(tile_bytes, self._tiles.values()))

    def __len__(self) -> int:
        return len(self._tiles)
