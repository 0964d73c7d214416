"""The embeddings of one image on disk: a self-healing zarr group.

Knows zarr, and which tile was made from which pixels. Must not know how tiles are
encoded, nor the size limit of all stores (`folder`).

Invariants, so that no interruption, damage or other process gives a wrong embedding:

- A tile exists if its record does; the record holds the digests of the pixels and of
  the embedding. A tile that does not match its record counts as missing.
- The record is removed before data are overwritten, and written after them.
- Each file is written atomically (by zarr >= 3.1.3 and by `_write`).
- The metadata are derived from the key, so damaged ones are written again.

There is no fsync: a file damaged by a power cut does not match its record.
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
from napari_hqsam.images.formats.zarr.check import checked_array, codec_names
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
"""Version; increased when the layout, or the encoder's output for the same pixels,
changes."""
DIGEST = 32
"""Bytes of a SHA-256."""


@dataclass(frozen=True, kw_only=True)
class StoreKey:
    """All that the embeddings of an image depend on; each key has its own store.

    Attributes
    ----------
    fingerprint : str
        Fingerprint of the image.
    channels : tuple of int
        Channel mapping.
    normalization : str
        ``repr`` of the `Normalization`.
    encoder : str
        Digest of the image encoder's weights; not of the decoder's.
    precision : str
        Dtype of the encoder: bfloat16 changes the features much more than rounding
        to float16. The device is not part of the key, so that embeddings made on a
        cluster can be used on a workstation.
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
    """The three arrays of a level, with one chunk per tile."""

    features: zarr.Array[Any]
    early: zarr.Array[Any]
    record: zarr.Array[Any]


class EmbeddingStore:
    """The embeddings of one image, as one encoder sees it, on disk.

    Parameters
    ----------
    folder : StoreFolder
        Its parent folder. Nothing is created before the first `write`.
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
            Position of the plane along the leading axes.
        address : Address
            Address of the tile.
        pixels : bytes
            `digest` of the tile's current pixels.

        Returns
        -------
        Embedding or None
            None if it is missing, was made from other pixels, or is damaged.
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
        """Store the embedding of a tile.

        Parameters as for `read`.

        Raises
        ------
        OSError
            It cannot be written; the tile is then missing.
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

        Their metadata are validated, since other programs may write to the folder.
        """
        with self._lock:
            if level not in self._levels:
                self._levels[level] = Arrays(
                    *(self._open_array(level, array) for array in Arrays._fields)
                )
            return self._levels[level]

    def _open_array(self, level: int, name: str) -> zarr.Array[Any]:
        """Open an array; raise ValueError unless it has this package's layout."""
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
        """Open the arrays of a level, after writing their metadata if needed."""
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
        """Return the metadata files of the group and a level's arrays, by path.

        They are made in memory and compared with those on disk file by file, so that
        several processes can repair them at once.
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
                # no folders inside the arrays, so that none are left empty
                chunk_key_encoding={"name": "default", "separator": "."},
                dimension_names=(*axes, "row", "col", *dimensions),
            )
        return {name: buffer.to_bytes() for name, buffer in files.items()}


def _array_path(level: int, array: str) -> str:
    return f"level/{level}/{array}"


def digest(*arrays: NDArray[Any]) -> bytes:
    """Return the SHA-256 of arrays, their shapes and values: `DIGEST` bytes."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(repr(array.shape).encode())
        found.update(np.ascontiguousarray(array).data)
    return found.digest()


def _write(path: Path, content: bytes) -> None:
    """Write a small file atomically, unless it has the content already."""
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
