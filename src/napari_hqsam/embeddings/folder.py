"""The folder of all embedding stores: its path, content, and size limit.

Knows names, sizes and times of files. Must not know zarr, torch, images or networks, so
that listing the folder is instant.

A store is a zarr group ``<digest>.zarr`` with the arrays
``level/<k>/{features,early,record}``; a tile has one chunk in each, with the same name
except for trailing zeros. A tile without a record does not exist: the record is written
last and removed first.

Several processes may use the folder without locks: files are written atomically, and a
file that another process has removed counts as missing.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_hqsam.errors import OutputError
from napari_hqsam.models import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE_VARIABLE = "NAPARI_HQSAM_EMBEDDINGS_GB"
DEFAULT_BYTES = 20 * 10**9
FREE_SHARE = 0.5
"""Default limit as a fraction of the disk space that is free without the stores."""

METADATA = "zarr.json"
STORE_NAME = re.compile(r"[0-9a-f]{32}\.zarr")
CHUNK = re.compile(r"c(\.[0-9]+)+")
TRAILING = {"features": 3, "early": 3, "record": 1}
"""Axes of each array after those of the tile's address: zeros in a chunk's name."""
PARTIAL = ".partial"
"""Suffix of files while they are written, by zarr and by this package."""
ORPHAN_AGE = 3600.0
"""Seconds after which data without a record count as abandoned."""

CHECKS = 20
"""The total size is measured after each 1 / `CHECKS` of the budget written."""
SPARE = 0.1
"""Fraction of the budget that is freed at once when it is used up."""


def embeddings_folder() -> Path:
    """Return the folder of the stores, in the cache folder of this package.

    The environment variable ``NAPARI_HQSAM_CACHE`` moves it together with the models.
    It need not exist.
    """
    return cache_folder() / "embeddings"


def chunk_name(array: str, tile: tuple[int, ...]) -> str:
    """Return the file name of a tile's chunk in one of the arrays of `TRAILING`."""
    return ".".join(["c", *map(str, tile), *["0"] * TRAILING[array]])


class StoreSummary(NamedTuple):
    """Summary of a store.

    Attributes
    ----------
    path : Path
        The zarr group.
    image, model : str
        Names from the last writer; "?" if the metadata are damaged.
    tiles : int
        Number of complete tiles.
    bytes : int
        Size on disk.
    last_used : float
        Last use of any tile, seconds since the epoch.
    """

    path: Path
    image: str
    model: str
    tiles: int
    bytes: int
    last_used: float


@dataclass(eq=False)
class StoreFolder:
    """All stores below one folder, and their common budget.

    Parameters
    ----------
    path : Path
        Need not exist. Other files in it are not touched.
    max_bytes : int, optional
        Budget. By default ``NAPARI_HQSAM_EMBEDDINGS_GB``, else 20 GB, but at most
        half of the free disk space.
    """

    path: Path = field(default_factory=embeddings_folder)
    max_bytes: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _written: float = field(default=math.inf, init=False)
    """Bytes written since the size was last measured; infinite before that."""

    def paths(self) -> list[Path]:
        """Return the paths of all stores, by name."""
        return sorted(
            self.path / entry.name
            for entry in _entries(self.path)
            if STORE_NAME.fullmatch(entry.name) and entry.is_dir()
        )

    def summaries(self) -> list[StoreSummary]:
        """Return the summaries of all stores, the most recently used first."""
        found = [summarize(path) for path in self.paths()]
        return sorted(found, key=lambda s: -s.last_used)

    def bytes(self) -> int:
        """Return the size of all stores on disk."""
        return sum(_size(path) for path in self.paths())

    def limit(self, used: int) -> int:
        """Return the budget in bytes, given that the stores take `used` now.

        Raises
        ------
        OutputError
            The environment variable does not hold a size.
        """
        if self.max_bytes is not None:
            return self.max_bytes
        configured = os.environ.get(SIZE_VARIABLE)
        if configured:
            return _gigabytes(configured)
        there = next(p for p in (self.path, *self.path.parents) if p.exists())
        free = shutil.disk_usage(there).free
        return min(DEFAULT_BYTES, int((free + used) * FREE_SHARE))

    def make_room(self, size: int) -> None:
        """Evict least recently used tiles until `size` more bytes fit the budget.

        Cheap, except after each twentieth of the budget, when the size of all stores
        is measured, including what other processes have written.

        Raises
        ------
        OutputError
            The size exceeds the whole budget (nothing is removed), or the environment
            variable is not a size.
        """
        with self._lock:
            self._written += size
            if self._written * CHECKS <= self.limit(0):
                return
            self._written = size
            used = self.bytes()
            limit = self.limit(used)
            if size > limit:
                raise OutputError(
                    f"a tile takes {size / 1e6:.1f} MB, and all may take "
                    f"{limit / 1e6:.1f} MB: see {SIZE_VARIABLE}"
                )
            if used + size > limit:
                self._free(used + size - int(limit * (1 - SPARE)))

    def _free(self, wanted: int) -> None:
        """Remove files until `wanted` bytes are freed: leftovers first, then old tiles.

        Files that cannot be removed stay; the next write then raises.
        """
        before = time.time() - ORPHAN_AGE
        paths = self.paths()
        with suppress(OSError):
            wanted -= sum(_remove_leftovers(path, before) for path in paths)
            for _, record in sorted(r for path in paths for r in _records(path)):
                if wanted <= 0:
                    break
                wanted -= remove_tile(record)
        for path in paths:
            if not any(_files(path)) and _modified(path / METADATA) < before:
                shutil.rmtree(path, ignore_errors=True)

    def remove(self, path: Path) -> None:
        """Remove a store, the records first.

        Raises
        ------
        OutputError
            It cannot be removed.
        """
        try:
            for _, record in _records(path):
                record.unlink(missing_ok=True)
            shutil.rmtree(path)
        except FileNotFoundError:  # another process removes it, too
            shutil.rmtree(path, ignore_errors=True)
        except OSError as error:
            raise OutputError(
                f"{path} cannot be removed ({error.strerror}): remove it by hand"
            ) from error


def summarize(store: Path) -> StoreSummary:
    """Return the summary of a store; a missing one has no tiles."""
    used = [time for time, _ in _records(store)]
    attributes = _attributes(store)
    return StoreSummary(
        path=store,
        image=str(attributes.get("image", "?")),
        model=str(attributes.get("model", "?")),
        tiles=len(used),
        bytes=_size(store),
        last_used=max(used, default=_modified(store)),
    )


def remove_tile(record: Path) -> int:
    """Remove the tile of a record; return the bytes freed.

    Raises
    ------
    OSError
        The folder cannot be written to.
    """
    level, tile = record.parent.parent, _tile(record.name, "record")
    # the record first: without it the tile does not exist
    return sum(
        _remove(level / array / chunk_name(array, tile))
        for array in ("record", "features", "early")
    )


def _remove(path: Path) -> int:
    """Remove a file and return its size; 0 if another process has removed it."""
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size


def _tile(name: str, array: str) -> tuple[int, ...]:
    """Return the tile of a chunk: the inverse of `chunk_name`."""
    numbers = [int(part) for part in name.split(".")[1:]]
    return tuple(numbers[: -TRAILING[array]])


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """List a folder; empty if it does not exist."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files(store: Path) -> Iterator[tuple[str, os.DirEntry[str], os.stat_result]]:
    """Yield (array, entry, status) of chunks and partial files, without metadata."""
    for level in _entries(store / "level"):
        for array in TRAILING:
            for entry in _entries(Path(level.path, array)):
                if CHUNK.fullmatch(entry.name) or entry.name.endswith(PARTIAL):
                    with suppress(FileNotFoundError):
                        yield array, entry, entry.stat()


def _records(store: Path) -> Iterator[tuple[float, Path]]:
    """Yield the time of last use of each tile in a store, and its record."""
    for array, entry, status in _files(store):
        if array == "record" and CHUNK.fullmatch(entry.name):
            yield status.st_mtime, Path(entry.path)


def _size(store: Path) -> int:
    return sum(status.st_size for _, _, status in _files(store))


def _attributes(store: Path) -> dict[str, Any]:
    """Read the attributes of a store; empty if they are damaged."""
    try:
        attributes = json.loads((store / METADATA).read_bytes())["attributes"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return attributes if isinstance(attributes, dict) else {}


def _remove_leftovers(store: Path, before: float) -> int:
    """Remove leftovers of killed writers: partial files, data without record."""
    there = {
        (path.parent.parent, _tile(path.name, "record")) for _, path in _records(store)
    }
    freed = 0
    for array, entry, status in _files(store):
        path = Path(entry.path)
        recorded = (
            CHUNK.fullmatch(path.name)
            and (path.parent.parent, _tile(path.name, array)) in there
        )
        if not recorded and status.st_mtime < before:
            freed += _remove(path)
    return freed


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _gigabytes(text: str) -> int:
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 <= size < math.inf:
        raise OutputError(
            f"{SIZE_VARIABLE} is {text!r}: set it to a size in GB such as 50"
        )
    return int(size * 1e9)
