"""Make a label image: TIFF, OME-TIFF or OME-Zarr, by the name of the file.

One path for all: a zarr array on the disk that is painted into, then put in
place under its name. Memory holds a chunk or a tile at a time.
"""

from __future__ import annotations

import math
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_hqsam.errors import ImageError
from napari_hqsam.files import replacing
from napari_hqsam.geometry import Space
from napari_hqsam.geometry.axes import label_axes
from napari_hqsam.labels.blocks import blocks
from napari_hqsam.labels.formats import OME_TIFF, format_of
from napari_hqsam.labels.metadata import (
    ome_xml_attributes,
    ome_zarr_attributes,
    tiff_description,
    tiff_resolution,
)
from napari_hqsam.labels.ours import MADE_BY, MADE_BY_KEY
from napari_hqsam.labels.target import check_writable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import zarr
    from numpy.typing import DTypeLike

    from napari_hqsam.labels.chunk_files import ChunkFiles

_TIFF_TILE = 512
_TIFF_TILE_UNIT = 16  # TIFF 6.0, section 15
_ZLIB_LEVEL = 1
_ZARR_CHUNK = 1024
_DTYPES = (np.dtype(np.uint16), np.dtype(np.uint32))
MAX_ID = int(np.iinfo(_DTYPES[-1]).max)
"""Highest id that the files hold."""
# Offsets of a classic TIFF end at 4 GiB; leave room for headers and for data
# that compression makes larger.
_CLASSIC_TIFF_BYTES = 2**32 - 2**26


def id_dtype(highest: int) -> np.dtype:
    """Return the smallest type of label files, on which readers agree.

    Parameters
    ----------
    highest : int
        Highest id that there will be.

    Returns
    -------
    numpy.dtype
        uint16, or uint32 if the ids do not fit.

    Raises
    ------
    ImageError
        If they do not fit uint32 either.
    """
    for dtype in _DTYPES:
        if highest <= np.iinfo(dtype).max:
            return dtype
    raise ImageError(f"label id {highest} is above {MAX_ID}; relabel")


@contextmanager
def labels_on_disk(
    path: str | os.PathLike[str],
    shape: Sequence[int],
    *,
    dtype: DTypeLike = np.uint32,
    space: Space | None = None,
    overwrite: bool | None = True,
) -> Iterator[zarr.Array[Any]]:
    """Make a label image on the disk, wholly or not at all.

    Nothing is at the path before the block ends well. What is never written to
    stays background, and takes no room in OME-Zarr and hardly any in TIFF.

    Parameters
    ----------
    path : str or os.PathLike
        ``.tif``, ``.tiff``: TIFF in tiles, compressed with zlib, BigTIFF if the
        pixels take more than 4 GiB. ``.ome.tif``, ``.ome.tiff``: the same as
        OME-TIFF. ``.zarr``, ``.ome.zarr``: an OME-Zarr 0.5 label image with the
        one level "0", one chunk per 1024 x 1024 pixels of a plane (labels of
        several levels cannot be edited in napari).
    shape : sequence of int
        ``(..., h, w)``.
    dtype : dtype
        uint16 or uint32; see `id_dtype`.
    space : Space, optional
        Axes, and where the pixels are. By default in pixels, with the axes "yx",
        "zyx", "tzyx" or "tczyx".
    overwrite : bool or None
        Whether labels that are already there may be replaced, see `check_writable`.

    Yields
    ------
    zarr.Array
        The labels, all 0, to be written to: with `paint`, or by slices. For a
        TIFF it lies in a temporary folder beside the path, so that the disk
        must hold the compressed labels twice.

    Raises
    ------
    ImageError
        If shape, data type or space do not fit, or not the format.
    OutputError
        If the file cannot be written (see `check_writable`), the disk being
        full for one. Then nothing is left of it, and what was there before is
        unchanged. The same holds for any error that leaves the block.
    """
    target, sizes = Path(path), tuple(int(n) for n in shape)
    if np.dtype(dtype) not in _DTYPES:
        raise ImageError(f"labels of {np.dtype(dtype)} are not written; use uint32")
    _check_shape(sizes)
    check_writable(target, overwrite=overwrite)
    kind = format_of(target)
    axes = kind.check_axes(None if space is None else space.axes, len(sizes))
    space = space or Space.pixels(axes)
    from napari_hqsam.labels.chunk_files import chunk_files  # zarr, see below

    with replacing(target, new=overwrite is False) as partial:
        if kind.is_folder:
            title = kind.stem(target.name)
            with chunk_files(partial) as files:
                yield _create_zarr(files, sizes, np.dtype(dtype), space, title)
            return
        folder = partial.with_name("tiles")
        with chunk_files(folder) as files:
            tiles = _create_tiles(files, sizes, np.dtype(dtype))
            yield tiles
        _write_tiff(partial, tiles, folder, space, is_ome=kind is OME_TIFF)


def write_labels(
    path: str | os.PathLike[str],
    labels: np.ndarray,
    *,
    axes: str | None = None,
    scale: Sequence[float] | None = None,
    units: str | Sequence[str | None] | None = None,
    translate: Sequence[float] | None = None,
    space: Space | None = None,
    overwrite: bool = True,
) -> None:
    """Write a label image, wholly or not at all.

    Parameters
    ----------
    path, overwrite
        As for `labels_on_disk`.
    labels : numpy.ndarray
        Integers (or bool), not negative, shape ``(..., h, w)``; stored as
        uint16 if all ids fit, else uint32.
    axes : str, optional
        One letter per dimension. By default "yx", "zyx", "tzyx" or "tczyx".
    scale : sequence of float, optional
        Size of a pixel along each axis.
    units : str or sequence of (str or None), optional
        Unit of each axis, such as "micrometer" or "µm"; one name stands for the
        axes z, y and x.
    translate : sequence of float, optional
        World coordinates of the centre of the first pixel.
    space : Space, optional
        All of these in one, such as ``image.space.select("zyx")``.

    Raises
    ------
    ImageError
        If the labels are not integers, are empty, have ids below 0 or above
        2**32 - 1, or do not fit axes, scale, units or format.
    OutputError
        As for `labels_on_disk`.
    """
    labels = np.asarray(labels)
    dtype = _check_ids(labels)
    if space is None:
        letters = label_axes(axes, labels.ndim)
        space = Space.of(letters, scale=scale, units=units, translate=translate)
    with labels_on_disk(
        path,
        labels.shape,
        dtype=dtype,
        space=space,
        overwrite=overwrite,
    ) as stored:
        # One chunk at a time: of several at once, some would still be being
        # written while the failure of another is cleaned up.
        for index in np.ndindex(labels.shape[:-2]):
            for window in blocks(stored, (0, 0, *labels.shape[-2:])):
                stored[(*index, *window)] = labels[(*index, *window)].astype(dtype)


def _check_shape(shape: tuple[int, ...]) -> None:
    """Raise if there are no pixels or no planes."""
    if len(shape) < 2 or min(shape) < 1:
        raise ImageError(
            f"labels have shape {shape}; they need 2 dimensions or more, none "
            "of length 0"
        )


def _check_ids(labels: np.ndarray) -> np.dtype:
    """Return the data type that holds the ids; raise if there is none."""
    if labels.dtype.kind not in "biu":
        raise ImageError(f"labels are {labels.dtype}; convert them to integers")
    _check_shape(labels.shape)
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest > MAX_ID:
        raise ImageError(
            f"label ids run from {lowest} to {highest}, files hold 0 to {MAX_ID}; "
            "relabel them"
        )
    return id_dtype(highest)


def _create_zarr(
    files: ChunkFiles, shape: tuple[int, ...], dtype: np.dtype, space: Space, title: str
) -> zarr.Array[Any]:
    """Make a zarr v3 group of one array and the metadata of a label image."""
    import zarr  # when first used: it takes longer than a window may

    group = zarr.create_group(
        store=files,
        zarr_format=3,
        attributes=ome_zarr_attributes(space, title) | {MADE_BY_KEY: MADE_BY},
    )
    return group.create_array(
        "0",
        shape=shape,
        dtype=dtype,
        chunks=(1,) * (len(shape) - 2) + tuple(min(n, _ZARR_CHUNK) for n in shape[-2:]),
        dimension_names=tuple(space.axes),
    )


def _create_tiles(
    files: ChunkFiles, shape: tuple[int, ...], dtype: np.dtype
) -> zarr.Array[Any]:
    """Make a zarr array whose chunk files are the tiles of a TIFF, byte for byte.

    A chunk of zarr v2 with the codec zlib is what TIFF calls a tile compressed
    with Adobe Deflate: whole even at the border, and without header.
    """
    import zarr

    tile = tuple(min(_TIFF_TILE, _round_up(n)) for n in shape[-2:])
    return zarr.create_array(
        files,
        shape=shape,
        dtype=dtype.newbyteorder("<"),
        chunks=(1,) * (len(shape) - 2) + tile,
        compressors=[{"id": "zlib", "level": _ZLIB_LEVEL}],
        fill_value=0,
        zarr_format=2,
    )


def _round_up(length: int) -> int:
    """Next length that the side of a TIFF tile may have."""
    return -(-length // _TIFF_TILE_UNIT) * _TIFF_TILE_UNIT


def _write_tiff(
    path: Path, tiles: zarr.Array[Any], folder: Path, space: Space, *, is_ome: bool
) -> None:
    """Write one page per plane."""
    resolution = tiff_resolution(space)
    with path.open("xb") as file:
        tifffile.imwrite(
            file,
            _encoded(tiles, folder),
            shape=tiles.shape,
            dtype=tiles.dtype,
            byteorder="<",
            ome=is_ome,
            bigtiff=tiles.nbytes > _CLASSIC_TIFF_BYTES,
            photometric="minisblack",
            # No dimension is one of samples; else planes one pixel wide would
            # be laid together.
            planarconfig="separate",
            extrasamples=(),
            compression="zlib",
            tile=tiles.chunks[-2:],
            metadata=(ome_xml_attributes if is_ome else tiff_description)(space),
            resolution=resolution,
            resolutionunit="CENTIMETER" if resolution else None,
            software=MADE_BY,
        )


def _encoded(tiles: zarr.Array[Any], folder: Path) -> Iterator[bytes]:
    """Yield the compressed tiles, plane by plane and row by row."""
    background = zlib.compress(bytes(math.prod(tiles.chunks) * tiles.dtype.itemsize))
    for place in np.ndindex(tiles.cdata_shape):
        try:
            yield (folder / ".".join(map(str, place))).read_bytes()
        except FileNotFoundError:
            yield background
