"""A mapping that moves its entries to disk when they become large."""

from __future__ import annotations

import pickle
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable
    from types import TracebackType

IN_MEMORY = 1 << 26
"""Bytes in memory; beyond, everything moves to a temporary file."""

T = TypeVar("T")


class SpillBuffer(Generic[T]):
    """Mapping of pickled entries in memory, and on disk beyond a limit.

    Holds the results of the forward pass until the backward pass needs them, in
    bounded memory however far apart two prompted slices are.

    Parameters
    ----------
    in_memory : int
        Limit, bytes.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._file = SpooledTemporaryFile(in_memory)
        self._offsets: dict[Hashable, int] = {}

    def __enter__(self) -> SpillBuffer[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def put(self, key: Hashable, entry: T) -> None:
        """Store an entry; it must be picklable."""
        self._offsets[key] = self._file.seek(0, 2)
        pickle.dump(entry, self._file, protocol=pickle.HIGHEST_PROTOCOL)

    def take(self, key: Hashable) -> T | None:
        """Remove an entry and return it; None if there is none."""
        offset = self._offsets.pop(key, None)
        if offset is None:
            return None
        self._file.seek(offset)
        entry: T = pickle.load(self._file)
        return entry
