"""Decode-ready tiles of one image: from memory, else disk, else the encoder.

Combines pixels, encoder, store and memory cache. Must not know what the tiles are used
for.
"""

from __future__ import annotations

import threading
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from napari_hqsam import images
from napari_hqsam.embeddings.encoding import decode_ready, encode_pixels
from napari_hqsam.embeddings.folder import StoreFolder, embeddings_folder
from napari_hqsam.embeddings.memory import (
    DEFAULT_BYTES,
    ByteCache,
    SingleFlight,
    TileCache,
)
from napari_hqsam.embeddings.store import EmbeddingStore, digest
from napari_hqsam.errors import HqsamWarning, OutputError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_hqsam.embeddings.encoding import Embedding
    from napari_hqsam.images import Image, Normalization
    from napari_hqsam.models import Model
    from napari_hqsam.network import TileFeatures
    from napari_hqsam.tiling import Address, Tile

Key = tuple[tuple[int, ...], "Tile"]

MAPS_BYTES = 1 << 27
"""Budget of the maps of an instance decoder: 300 tiles of 1024 pixels."""


class LookedUpEmbedding(NamedTuple):
    """An embedding, and whether the encoder was run for it."""

    embedding: Embedding
    encoded: bool


class TileSource:
    """Provides tiles ready for prompts, each encoded only once.

    A tile of the grid is read from memory, else from disk, else encoded and stored in
    both. A tile without an address (`fit_plane`) is cached in memory only. Results are
    bit-identical wherever they come from.

    If the store cannot be written to, one `HqsamWarning` is raised and tiles are cached
    in memory only.

    Parameters
    ----------
    image : Image
    model : Model
    normalization : Normalization
        Normalisation of the image.
    cache : path, None or False
        Folder of the stores; None for the user's (`embeddings_folder`); False for
        memory only.
    memory_bytes : int
        Budget of the memory cache; on the GPU if the model is there.
    disk_bytes : int, optional
        Budget of all stores in the folder; see `StoreFolder`.
    """

    def __init__(
        self,
        image: Image,
        model: Model,
        normalization: Normalization,
        *,
        cache: str | os.PathLike[str] | Literal[False] | None = None,
        memory_bytes: int = DEFAULT_BYTES,
        disk_bytes: int | None = None,
    ) -> None:
        self.image = image
        self.model = model
        self.normalization = normalization
        self.encoded = 0
        """Calls of the encoder so far."""
        self.memory = TileCache(memory_bytes)
        self.maps: ByteCache[NDArray[np.float16]] = ByteCache(
            lambda maps: maps.nbytes, MAPS_BYTES
        )
        """What the instance decoder gave for tiles; see `PlaneDecoder`."""
        self._folder: StoreFolder | None = None
        if cache is not False:
            path = embeddings_folder() if cache is None else Path(cache)
            self._folder = StoreFolder(path.expanduser().absolute(), disk_bytes)
        self._store: EmbeddingStore | None = None
        self._refusal: str | None = None
        self._warned = False
        self._flights: SingleFlight[LookedUpEmbedding] = SingleFlight()
        self._opening = threading.Lock()
        # two encoders at once are slower than one after the other
        self._computing = threading.Lock()
        self._foreground = 0
        self._quiet = threading.Condition()

    @property
    def store(self) -> EmbeddingStore | None:
        """The store on disk, opened on first use; None for memory only.

        Raises
        ------
        ImageError
            The image cannot be read.
        """
        with self._opening:
            if self._store is None and self._folder is not None:
                self._store = EmbeddingStore(
                    self._folder, self.image, self.model, self.normalization
                )
            return self._store

    @property
    def writes_to_disk(self) -> bool:
        """Whether tiles are stored on disk; False after a failed write."""
        return self._folder is not None and self._refusal is None

    def features(self, index: Sequence[int], tile: Tile) -> TileFeatures:
        """Return a tile ready for prompts.

        Thread-safe; concurrent calls for one tile encode it once.

        Parameters
        ----------
        index : tuple of int
            Position of the plane along the leading axes of the image.
        tile : Tile
            A tile of the image's grid for the model's input size, or `fit_plane`.

        Returns
        -------
        TileFeatures
            On the model's device.

        Raises
        ------
        ImageError
            There is no such plane, or it cannot be read.

        Warns
        -----
        HqsamWarning
            The store cannot be written to; raised once.
        """
        with self.foreground():
            return self.prefetch(index, tile)

    def prefetch(self, index: Sequence[int], tile: Tile) -> TileFeatures:
        """Return a tile as `features` does, without pausing background work."""
        key = (tuple(index), tile)
        features = self.memory.get(key, lambda: self._prepare(self._find(key)))
        self._warn_of_refusal()
        return features

    def pixels(self, index: Sequence[int], tile: Tile) -> NDArray[np.uint8]:
        """Read what a tile shows, (h, w, 3) 8-bit RGB, at the tile's own level."""
        index = tuple(index)
        if tile.address is None:
            plane = self.image.read_at(index, tile.region)
            return self.normalization.to_rgb8(plane)
        return images.read_rgb8(
            self.image, self.normalization, index, tile.region, tile.address.level
        )

    def embed(self, index: Sequence[int], tile: Tile) -> bool:
        """Encode a tile to disk if it is missing there, bypassing the memory cache.

        Parameters
        ----------
        index, tile
            As for `features`; the tile must be one of the grid.

        Returns
        -------
        bool
            True if it was encoded, False if it was stored and valid.

        Raises
        ------
        ImageError
            There is no such plane, or it cannot be read.
        OutputError
            It cannot be stored.
        ValueError
            There is no store, or the tile has no address.
        """
        if self._folder is None or tile.address is None:
            raise ValueError("only tiles of a grid can be stored, and only in a store")
        encoded = self._find((tuple(index), tile)).encoded
        if self._refusal is not None:
            self._warned = True
            raise OutputError(self._refusal)
        return encoded

    def in_memory(self, index: Sequence[int], tile: Tile) -> bool:
        """Whether a tile is in memory, so that `features` returns at once."""
        return (tuple(index), tile) in self.memory

    @contextmanager
    def foreground(self) -> Iterator[None]:
        """Pause background encoding during the block."""
        with self._quiet:
            self._foreground += 1
        try:
            yield
        finally:
            with self._quiet:
                self._foreground -= 1
                self._quiet.notify_all()

    def wait_until_quiet(self, timeout: float) -> bool:
        """Wait until no foreground call is running; False after the timeout.

        Parameters
        ----------
        timeout : float
            Seconds.
        """
        with self._quiet:
            return self._quiet.wait_for(lambda: self._foreground == 0, timeout)

    def close(self) -> None:
        """Clear the memory cache; the source can be used again afterwards."""
        self.memory.clear()
        self.maps.clear()
        with self._opening:
            self._store = None

    def __enter__(self) -> TileSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self, found: LookedUpEmbedding) -> TileFeatures:
        with self._computing:
            return decode_ready(self.model, found.embedding)

    def _find(self, key: Key) -> LookedUpEmbedding:
        return self._flights.do(key, lambda: self._read_or_encode(*key))

    def _read_or_encode(self, index: tuple[int, ...], tile: Tile) -> LookedUpEmbedding:
        if tile.address is None or self._folder is None:
            return self._encode(self.pixels(index, tile), tile)
        return self._through_store(index, tile, tile.address)

    def _through_store(
        self, index: tuple[int, ...], tile: Tile, address: Address
    ) -> LookedUpEmbedding:
        store = self.store
        assert store is not None
        pixels = self.pixels(index, tile)
        shown = digest(pixels)
        kept = store.read(index, address, shown)
        if kept is not None:
            return LookedUpEmbedding(kept, encoded=False)
        found = self._encode(pixels, tile)
        if self.writes_to_disk:
            try:
                store.write(index, address, shown, found.embedding)
            except OSError as error:
                self._refusal = (
                    f"embeddings cannot be stored in {store.folder.path} "
                    f"({error.strerror or error}): free some space or give another "
                    "folder; until then tiles are encoded again in each session"
                )
        return found

    def _encode(self, pixels: NDArray[np.uint8], tile: Tile) -> LookedUpEmbedding:
        with self._computing:
            self.encoded += 1
            return LookedUpEmbedding(
                encode_pixels(self.model, pixels, tile), encoded=True
            )

    def _warn_of_refusal(self) -> None:
        if self._refusal is not None and not self._warned:
            self._warned = True
            warnings.warn(self._refusal, HqsamWarning, stacklevel=4)
