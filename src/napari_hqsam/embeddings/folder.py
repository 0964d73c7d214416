"""The folder of all stores: where it is, what is in it, keeping it to its size.

Knows names, sizes and times of files. Must not know zarr, torch, images or
networks, so that looking into the folder is instant.

A store is a zarr group ``<digest>.zarr`` with the arrays
``level/<k>/{features,early,record}``; a tile has one chunk in each, all three
under one name but for zeros at its end. A tile without its record is not there:
the record is written last and removed first.

Several processes may use the folder at once, without locks: files appear whole
or not at all, and what another process has just removed is simply not there.
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
"""By default the stores may take this share of what would be free without them."""

METADATA = "zarr.json"
STORE_NAME = re.compile(r"[0-9a-f]{32}\.zarr")
CHUNK = re.compile(r"c(\.[0-9]+)+")
TRAILING = {"features": 3, "early": 3, "record": 1}
"""Axes of each array after those that say which tile: zeros in a chunk's name."""
PARTIAL = ".partial"
"""How files end while they are written, by zarr as by us."""
ORPHAN_AGE = 3600.0
"""Seconds after which data without a record are no longer being written."""

CHECKS = 20
"""The size is taken each time this part of the budget was written."""
SPARE = 0.1
"""Part of the budget that is freed at once when it is used up."""


def embeddings_folder() -> Path:
    """Folder of the stores, in the cache folder of this package.

    ``NAPARI_HQSAM_CACHE`` moves it, as it moves the models. It need not exist.
    """
    return cache_folder() / "embeddings"


def chunk_name(array: str, tile: tuple[int, ...]) -> str:
    """File name of a tile's chunk in one of the arrays of `TRAILING`."""
    return ".".join(["c", *map(str, tile), *["0"] * TRAILING[array]])


class StoreSummary(NamedTuple):
    """What is to be said of a store.

    Attributes
    ----------
    path : Path
        The zarr group.
    image, model : str
        Names, of the last that opened it to write; "?" if they are damaged.
    tiles : int
        Tiles that are whole.
    bytes : int
        On disk.
    last_used : float
        Seconds since the epoch; of the tile used last.
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
        Need not exist. Whatever else lies in it is left alone.
    max_bytes : int, optional
        Budget. By default what ``NAPARI_HQSAM_EMBEDDINGS_GB`` says, else 20 GB
        but never more than half of what is free on the disk.
    """

    path: Path = field(default_factory=embeddings_folder)
    max_bytes: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _written: float = field(default=math.inf, init=False)
    """Bytes since the size was last taken; without end before the first time."""

    def paths(self) -> list[Path]:
        """Return the stores there are, by name."""
        return sorted(
            self.path / entry.name
            for entry in _entries(self.path)
            if STORE_NAME.fullmatch(entry.name) and entry.is_dir()
        )

    def summaries(self) -> list[StoreSummary]:
        """Describe all stores, the one used last first."""
        found = [summarize(path) for path in self.paths()]
        return sorted(found, key=lambda s: -s.last_used)

    def bytes(self) -> int:
        """Size of all stores on disk."""
        return sum(_size(path) for path in self.paths())

    def limit(self, used: int) -> int:
        """Bytes that the stores may take, which take `used` now.

        Raises
        ------
        OutputError
            The environment variable does not hold a size.
        """
        if self.max_bytes is not None:
            return self.max_bytes
        said = os.environ.get(SIZE_VARIABLE)
        if said:
            return _gigabytes(said)
        there = next(p for p in (self.path, *self.path.parents) if p.exists())
        free = shutil.disk_usage(there).free
        return min(DEFAULT_BYTES, int((free + used) * FREE_SHARE))

    def make_room(self, size: int) -> None:
        """Remove what was not used for longest if so many bytes more are too many.

        Cheap, but for each twentieth of the budget, when the size of all stores
        is taken. What other processes write is seen then, too.

        Raises
        ------
        OutputError
            It is more than the whole budget, and nothing was removed; or the
            environment variable does not hold a size.
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
        """Remove so many bytes, as far as there are: leftovers, then old tiles.

        What cannot be removed stays: whoever then writes is told why not.
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
    """Describe one store; what is not there has no tiles."""
    used = [time for time, _ in _records(store)]
    said = _attributes(store)
    return StoreSummary(
        path=store,
        image=str(said.get("image", "?")),
        model=str(said.get("model", "?")),
        tiles=len(used),
        bytes=_size(store),
        last_used=max(used, default=_modified(store)),
    )


def remove_tile(record: Path) -> int:
    """Remove the tile of a record; return how many bytes that gave back.

    Raises
    ------
    OSError
        The folder cannot be written to.
    """
    level, tile = record.parent.parent, _tile(record.name, "record")
    # The record goes first: without it nobody trusts the rest.
    return sum(
        _remove(level / array / chunk_name(array, tile))
        for array in ("record", "features", "early")
    )


def _remove(path: Path) -> int:
    """Remove a file that another process may remove, too; return its size."""
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size


def _tile(name: str, array: str) -> tuple[int, ...]:
    """Tile that a chunk belongs to: the inverse of `chunk_name`."""
    numbers = [int(part) for part in name.split(".")[1:]]
    return tuple(numbers[: -TRAILING[array]])


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """List what is in a folder; nothing if there is none."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files(store: Path) -> Iterator[tuple[str, os.DirEntry[str], os.stat_result]]:
    """Yield the files that grow with the tiles: array, entry, and its status.

    Chunks and what killed writers left of them; not the metadata.
    """
    for level in _entries(store / "level"):
        for array in TRAILING:
            for entry in _entries(Path(level.path, array)):
                if CHUNK.fullmatch(entry.name) or entry.name.endswith(PARTIAL):
                    with suppress(FileNotFoundError):
                        yield array, entry, entry.stat()


def _records(store: Path) -> Iterator[tuple[float, Path]]:
    """Yield when each tile of a store was used last, and its record."""
    for array, entry, status in _files(store):
        if array == "record" and CHUNK.fullmatch(entry.name):
            yield status.st_mtime, Path(entry.path)


def _size(store: Path) -> int:
    return sum(status.st_size for _, _, status in _files(store))


def _attributes(store: Path) -> dict[str, Any]:
    """Read what a store says of itself; nothing if that is damaged."""
    try:
        said = json.loads((store / METADATA).read_bytes())["attributes"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return said if isinstance(said, dict) else {}


def _remove_leftovers(store: Path, before: float) -> int:
    """Remove what killed writers left: half-written files, data without record."""
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
