"""Report missing and damaged chunks of a zarr folder, by number and name.

Zarr reads a chunk that is not there as the fill value, without a word: a file
lost in copying becomes a black square. But many writers leave out chunks that
hold nothing but the fill value, so this can only be a hint, once per image. A
file without a single byte, however, is no chunk, and an error; zarr passes over
empty shards.
"""

from __future__ import annotations

import math
import os
import re
import threading
import warnings
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamWarning, reason
from napari_hqsam.images.rearranged import Rearranged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import zarr

    from napari_hqsam.images.source import LazyArray

_CHUNK = re.compile(r"c|(c\.)?\d+(\.\d+)*")  # name of its file, v2 and v3


def watched(
    arrays: Iterable[LazyArray], name: str, *, sparse: bool = False
) -> list[LazyArray]:
    """Wrap local zarr arrays, so that missing and damaged chunks are reported.

    Parameters
    ----------
    arrays : iterable of LazyArray
        The levels of one image.
    name : str
        What the warning calls the image.
    sparse : bool
        Missing chunks are no surprise: labels leave out background.

    Returns
    -------
    list of LazyArray
        The arrays, which read as before. The first read of a missing chunk in
        any of them gives an `HqsamWarning`, if the array has other chunks; that
        of a damaged one raises an `OSError` which names its file.
    """
    import zarr
    from zarr.storage import LocalStore

    missing = _MissingChunkWarning(name, quiet=sparse)

    def wrapped(array: LazyArray) -> LazyArray:
        if isinstance(array, Rearranged):
            return Rearranged(wrapped(array.array), array.order, array.at)
        if isinstance(array, zarr.Array) and isinstance(array.store, LocalStore):
            return _WatchedArray(array, Path(array.store.root, array.path), missing)
        return array

    return [wrapped(array) for array in arrays]


class _WatchedArray:
    """A zarr array in a folder, whose chunks are checked as they are read."""

    def __init__(
        self, array: zarr.Array[Any], folder: Path, missing: _MissingChunkWarning
    ) -> None:
        self._array, self._folder, self._missing = array, folder, missing
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, array.chunks

    def __getitem__(self, key: tuple[int | slice, ...]) -> Any:  # noqa: ANN401
        places = dict(_places(self._array, key))
        sizes = {name: _size(self._folder / name) for name in places}
        for name, size in sizes.items():
            if size == 0:
                raise OSError(f"{self._named(name)} is an empty file")
        if None in sizes.values():
            self._missing.warn(self._array, self._folder)
        try:
            return self._array[key]
        except MemoryError:
            raise
        except Exception as error:  # each codec has its own
            for name, place in places.items():
                self._check(name, place)
            raise error from None  # all well, one by one: it is not the chunks

    def _check(self, name: str, place: tuple[slice, ...]) -> None:
        """Raise OSError with the name of a chunk if that chunk cannot be read."""
        try:
            self._array[place]
        except Exception as error:
            raise OSError(f"{self._named(name)}: {reason(error)}") from error

    def _named(self, name: str) -> str:
        return f"its chunk {Path(self._array.path, name).as_posix()}"


class _MissingChunkWarning:
    """Warns of missing chunks, once per image."""

    def __init__(self, name: str, *, quiet: bool) -> None:
        self._name = name
        self._warned = quiet
        self._lock = threading.Lock()

    def warn(self, array: zarr.Array[Any], folder: Path) -> None:
        """Warn that an array has not all its chunks, unless it has none at all."""
        with self._lock:
            if self._warned:
                return
            stored = _count_chunks(folder)
            if not stored:
                return
            self._warned = True
        total = math.prod(
            -(-length // side)
            for length, side in zip(array.shape, _sides(array), strict=True)
        )
        missing = max(total - stored, 1)  # there may be chunks of a former shape
        where = f" of its array {array.path}" if array.path else ""
        warnings.warn(
            f"{self._name}: {missing} of the {total} chunks{where} are missing "
            f"and count as {array.fill_value}. Writers leave out empty chunks; but if "
            "there should be something, it cannot be found there: copy the image again",
            HqsamWarning,
            stacklevel=5,
        )


def _sides(array: zarr.Array[Any]) -> tuple[int, ...]:
    """Return the shape of what one file holds: a shard, or else a chunk."""
    return tuple(array.shards or array.chunks)


def _places(
    array: zarr.Array[Any], key: tuple[int | slice, ...]
) -> Iterator[tuple[str, tuple[slice, ...]]]:
    """Yield the path and the slices of each chunk (shard) that a region touches."""
    sides = _sides(array)
    ranges = []
    for part, side, size in zip(key, sides, array.shape, strict=True):
        whole = part if isinstance(part, slice) else slice(part, part + 1)
        start, stop, _ = whole.indices(size)
        ranges.append(range(start // side, -(-stop // side)))
    for place in product(*ranges):
        within = (slice(n * s, (n + 1) * s) for n, s in zip(place, sides, strict=True))
        yield array.metadata.encode_chunk_key(place), tuple(within)


def _size(path: Path) -> int | None:
    """Return the size of a file in bytes; None if there is no such file."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _count_chunks(folder: Path) -> int:
    """Count the chunks (shards) of an array on disk; a new one has none."""
    return sum(
        _CHUNK.fullmatch(name) is not None
        for _, _, names in os.walk(folder)
        for name in names
    )
