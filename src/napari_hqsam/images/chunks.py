"""Chunks that are missing from a zarr folder are told, once per image.

Zarr reads a chunk that is not there as the fill value, without a word: a file
lost in copying becomes a black square. But many writers leave out chunks that
hold nothing but the fill value, so this can only be a hint. A file without a
single byte, however, is no chunk, and an error; zarr passes over empty shards.
"""

from __future__ import annotations

import os
import threading
import warnings
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_hqsam.errors import HqsamWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import zarr

    from napari_hqsam.images.source import LazyArray

_METADATA = {"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"}


def watched(arrays: Iterable[LazyArray], name: str) -> list[LazyArray]:
    """Wrap those arrays that are zarr folders on this machine.

    Parameters
    ----------
    arrays : iterable of LazyArray
        The levels of one image.
    name : str
        What the warning calls the image.

    Returns
    -------
    list of LazyArray
        The arrays, which read as before. The first read of a missing chunk in
        any of them gives an `HqsamWarning`, if the array has other chunks; that
        of a file cut short to nothing raises an `OSError`.
    """
    import zarr
    from zarr.storage import LocalStore

    watch = _Watch(name)
    return [
        _WatchedArray(array, Path(array.store.root, array.path), watch)
        if isinstance(array, zarr.Array) and isinstance(array.store, LocalStore)
        else array
        for array in arrays
    ]


class _WatchedArray:
    """A zarr array in a folder, looked after while it is read."""

    def __init__(self, array: zarr.Array[Any], folder: Path, watch: _Watch) -> None:
        self._array, self._folder, self._watch = array, folder, watch
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, array.chunks

    def __getitem__(self, key: tuple[int | slice, ...]) -> Any:  # noqa: ANN401
        names = list(_stored_names(self._array, key))
        sizes = [_size(self._folder / name) for name in names]
        if 0 in sizes:
            raise OSError(f"chunk {names[sizes.index(0)]} is an empty file")
        if None in sizes:
            self._watch.tell(self._array, self._folder, sizes)
        return self._array[key]


class _Watch:
    """Tells of missing chunks, once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told = False
        self._lock = threading.Lock()

    def tell(
        self, array: zarr.Array[Any], folder: Path, sizes: list[int | None]
    ) -> None:
        """Warn of the chunks without a size, unless the array has none at all."""
        if self._told or not (any(sizes) or _holds_chunks(folder)):
            return
        with self._lock:
            if self._told:
                return
            self._told = True
        where = f" of its array {array.path}" if array.path else ""
        warnings.warn(
            f"{self._name}: {sizes.count(None)} of the {len(sizes)} chunks read{where} "
            f"are missing and count as {array.fill_value}; writers leave out empty "
            "chunks, but if there should be something, copy the image again",
            HqsamWarning,
            stacklevel=5,
        )


def _stored_names(
    array: zarr.Array[Any], key: tuple[int | slice, ...]
) -> Iterator[str]:
    """Yield the path, inside the array's folder, of each chunk (shard) of a region."""
    ranges = []
    for part, size in zip(key, array.shards or array.chunks, strict=True):
        start, stop = (
            (part.start, part.stop) if isinstance(part, slice) else (part, part + 1)
        )
        ranges.append(range(start // size, -(-stop // size)))
    return (array.metadata.encode_chunk_key(place) for place in product(*ranges))


def _size(path: Path) -> int | None:
    """Bytes of a file; None if there is no such file."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _holds_chunks(folder: Path) -> bool:
    """Whether an array has any chunk at all; a new one has none."""
    return any(not _METADATA.issuperset(files) for _, _, files in os.walk(folder))
