"""What the forward pass found, until the backward pass comes to it."""

from __future__ import annotations

import pickle
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable
    from types import TracebackType

IN_MEMORY = 1 << 26
"""Bytes kept in memory; beyond, all goes to a temporary file."""

T = TypeVar("T")


class SpillBuffer(Generic[T]):
    """Mapping that keeps its entries in memory while they are few, else on disk.

    So that memory stays bounded however far apart two prompted slices are.

    Parameters
    ----------
    in_memory : int
        Bytes.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._file = SpooledTemporaryFile(in_memory)
        self._places: dict[Hashable, int] = {}

    def __enter__(self) -> SpillBuffer[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def put(self, key: Hashable, thing: T) -> None:
        """Keep a thing."""
        self._places[key] = self._file.seek(0, 2)
        pickle.dump(thing, self._file, protocol=pickle.HIGHEST_PROTOCOL)

    def take(self, key: Hashable) -> T | None:
        """Give a thing back, and forget it; None if there is none."""
        place = self._places.pop(key, None)
        if place is None:
            return None
        self._file.seek(place)
        thing: T = pickle.load(self._file)
        return thing
