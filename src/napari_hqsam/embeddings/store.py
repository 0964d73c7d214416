"""The tiles of one image on disk: a zarr group that heals.

Knows zarr, and which tile was made of which pixels. Must not know how tiles are
encoded, nor how large all stores may grow (`folder`).

Invariants, so that no interruption, damage or other process can make it lie:

- A tile is there if its record is, and the record names the digests of the
  pixels and of the embedding. Whatever does not fit is not there.
- The record is removed before data are overwritten, and written after them.
- Each file appears whole or not at all (zarr >= 3.1.3 and `_write` alike).
- The metadata follow from the key, so damaged ones are written anew.

There is no fsync: what a power cut leaves of a file does not fit its record.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import zarr
from zarr.codecs import BytesCodec, Crc32cCodec

from napari_hqsam.embeddings.encoding import Embedding
from napari_hqsam.embeddings.folder import METADATA, PARTIAL, chunk_name, remove_tile
from napari_hqsam.images import fingerprint
from napari_hqsam.images.zarr_check import checked_array, codec_names
from napari_hqsam.tiling import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from zarr.core.buffer import Buffer

    from napari_hqsam.embeddings.folder import StoreFolder
    from napari_hqsam.images import Image, Normalization
    from napari_hqsam.models import Model
    from napari_hqsam.tiling import Address

FORMAT = 1
"""Raised when the layout changes, or what the encoder gives for the same pixels."""
DIGEST = 32
"""Bytes of a SHA-256."""


@dataclass(frozen=True, kw_only=True)
class StoreKey:
    """What the embeddings of an image depend on: one store each.

    Attributes
    ----------
    fingerprint : str
        Of the image.
    channels : tuple of int
        Channel mapping.
    normalization : str
        ``repr`` of the `Normalization`.
    encoder : str
        Digest of the image encoder's weights; not of the decoder's.
    precision : str
        Dtype that the encoder computes in: bfloat16 moves the features far more
        than float16 rounds them. The device is no part of it, so that what a
        cluster encoded serves at the desk.
    input_size : int
        Side of the network's input, pixels.
    format : int
        Version of the store.
    """

    fingerprint: str
    channels: tuple[int, ...]
    normalization: str
    encoder: str
    precision: str
    input_size: int
    format: int = FORMAT

    @classmethod
    def of(cls, image: Image, model: Model, normalization: Normalization) -> StoreKey:
        """Make the key of an image as a model sees it.

        Raises
        ------
        ImageError
            The image cannot be read.
        """
        return cls(
            fingerprint=fingerprint(image),
            channels=image.channels,
            normalization=repr(normalization),
            encoder=model.digest,
            precision=str(model.dtype).removeprefix("torch."),
            input_size=model.input_size,
        )

    @property
    def name(self) -> str:
        """Name of the store."""
        text = json.dumps(asdict(self), sort_keys=True)
        return f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.zarr"


class Arrays(NamedTuple):
    """The three arrays of a level; each has one chunk a tile."""

    features: zarr.Array[Any]
    early: zarr.Array[Any]
    record: zarr.Array[Any]


class EmbeddingStore:
    """The embeddings of one image, as one encoder sees it, on disk.

    Parameters
    ----------
    folder : StoreFolder
        Where it lies, below its own name. Nothing is made before the first
        `write`.
    image : Image
    model : Model
    normalization : Normalization

    Raises
    ------
    ImageError
        The image cannot be read.
    """

    def __init__(
        self,
        folder: StoreFolder,
        image: Image,
        model: Model,
        normalization: Normalization,
    ) -> None:
        self.key = StoreKey.of(image, model, normalization)
        self.folder = folder
        self.path: Path = folder.path / self.key.name
        self._names = {"image": image.name, "model": model.name}
        self._leading = (image.leading_axes, image.leading_shape)
        self._grid = Grid(image.plane_shape, model.input_size)
        self._levels: dict[int, Arrays] = {}
        self._made: set[int] = set()
        self._lock = threading.Lock()

    def read(
        self, index: Sequence[int], address: Address, pixels: bytes
    ) -> Embedding | None:
        """Return the embedding of a tile.

        Parameters
        ----------
        index : tuple of int
            Plane, over the leading axes.
        address : Address
            Of the tile.
        pixels : bytes
            `digest` of what the tile shows now.

        Returns
        -------
        Embedding or None
            None if it is not there, was made of other pixels, or is damaged.
        """
        tile = (*index, address.row, address.col)
        try:
            arrays = self._open(address.level)
            record = np.asarray(arrays.record[tile]).tobytes()
            if record[:DIGEST] != pixels:
                return None
            found = Embedding(
                np.asarray(arrays.features[tile]), np.asarray(arrays.early[tile])
            )
        except MemoryError:
            raise
        except Exception:  # missing or damaged: each codec has its own errors
            return None
        if record[DIGEST:] != digest(*found):
            return None
        with suppress(OSError):  # it may be read-only
            os.utime(self._chunk("record", address.level, tile))
        return found

    def write(
        self,
        index: Sequence[int],
        address: Address,
        pixels: bytes,
        embedding: Embedding,
    ) -> None:
        """Keep the embedding of a tile.

        Parameters as for `read`.

        Raises
        ------
        OSError
            It cannot be written; nothing of it is left.
        """
        tile = (*index, address.row, address.col)
        self.folder.make_room(embedding.nbytes)
        arrays = self._make(address.level, embedding)
        record = self._chunk("record", address.level, tile)
        record.unlink(missing_ok=True)
        try:
            arrays.features[tile] = embedding.features
            arrays.early[tile] = embedding.early
            digests = pixels + digest(*embedding)
            arrays.record[tile] = np.frombuffer(digests, np.uint8)
        except OSError:
            with suppress(OSError):
                remove_tile(record)
            raise

    def _chunk(self, array: str, level: int, tile: tuple[int, ...]) -> Path:
        return self.path / _array_path(level, array) / chunk_name(array, tile)

    def _open(self, level: int) -> Arrays:
        """Open the arrays of a level.

        Others may write to the folder, so their metadata are not trusted: an array
        that was not made here is not read.
        """
        with self._lock:
            if level not in self._levels:
                self._levels[level] = Arrays(
                    *(self._open_array(level, array) for array in Arrays._fields)
                )
            return self._levels[level]

    def _open_array(self, level: int, name: str) -> zarr.Array[Any]:
        """Open an array; raise ValueError unless it is stored as we store it."""
        array = zarr.open_array(
            self.path, path=_array_path(level, name), mode="r+", zarr_format=3
        )
        array = checked_array(array, str(self.path))
        tiles = len(self._leading[1]) + 2
        expected = (
            array.dtype == (np.uint8 if name == "record" else np.float16),
            array.shape[:tiles] == (*self._leading[1], *self._grid.shape(level)),
            array.chunks == (*[1] * tiles, *array.shape[tiles:]),
            codec_names(array) == [["bytes", "crc32c"]],
        )
        if not all(expected):
            raise ValueError(f"{array.path} was not made by this package")
        return array

    def _make(self, level: int, embedding: Embedding) -> Arrays:
        """Open the arrays of a level, after making sure of their metadata."""
        with self._lock:
            if not (self.path / METADATA).exists():  # never made, or cleared since
                self._made.clear()
            if level not in self._made:
                for name, content in self._metadata(level, embedding).items():
                    _write(self.path / name, content)
                self._made.add(level)
                self._levels.pop(level, None)
        return self._open(level)

    def _metadata(self, level: int, embedding: Embedding) -> dict[str, bytes]:
        """Metadata files of the group and the arrays of a level, by path.

        They are made in memory, so that on disk they can be compared and mended
        file by file, whoever else does the same.
        """
        files: dict[str, Buffer] = {}
        group = zarr.create_group(files, attributes=self._names | asdict(self.key))
        axes, shape = self._leading
        tiles = (*shape, *self._grid.shape(level))
        for array, dtype, dimensions, inner in (
            ("features", np.float16, ("channel", "y", "x"), embedding.features.shape),
            ("early", np.float16, ("y", "x", "channel"), embedding.early.shape),
            ("record", np.uint8, ("byte",), (2 * DIGEST,)),
        ):
            group.create_array(
                _array_path(level, array),
                shape=(*tiles, *inner),
                chunks=(*[1] * len(tiles), *inner),
                dtype=dtype,
                filters=None,
                serializer=BytesCodec(endian="little"),
                compressors=[Crc32cCodec()],
                fill_value=0,
                # No folders inside the arrays, so none are left empty.
                chunk_key_encoding={"name": "default", "separator": "."},
                dimension_names=(*axes, "row", "col", *dimensions),
            )
        return {name: buffer.to_bytes() for name, buffer in files.items()}


def _array_path(level: int, array: str) -> str:
    return f"level/{level}/{array}"


def digest(*arrays: NDArray[Any]) -> bytes:
    """SHA-256 of arrays, their shapes and values: `DIGEST` bytes."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(repr(array.shape).encode())
        found.update(np.ascontiguousarray(array).data)
    return found.digest()


def _write(path: Path, content: bytes) -> None:
    """Make sure of a small file's content: it is there whole or not at all."""
    with suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
