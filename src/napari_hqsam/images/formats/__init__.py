"""Open a path or an array as a ``Source``.

The content of a file decides how it is read, not its name: a PNG named
``.tif`` opens as PNG, and a text file named ``.tif`` opens as nothing.

zarr, and the readers that need it, are imported when first used: that takes longer
than a window may take to open.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

from napari_hqsam.errors import ImageError, reason
from napari_hqsam.files import interrupted
from napari_hqsam.geometry.axes import axes_from_names
from napari_hqsam.images.formats.microscope import PLUGINS, open_microscope
from napari_hqsam.images.formats.npy import NPY_MAGIC, open_npy
from napari_hqsam.images.formats.raster import open_raster
from napari_hqsam.images.formats.zarr.remote import address_of, open_address
from napari_hqsam.images.source import Reduced, Source
from napari_hqsam.images.space_note import restored
from napari_hqsam.images.xarray_space import xarray_space

if TYPE_CHECKING:
    from napari_hqsam.images.source import LazyArray

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def open_source(
    source: object,
    *,
    key: str | None = None,
    keep_indices: bool = False,
    allow_missing: bool = False,
) -> Source:
    """Open a file, or wrap an array, without reading more than the header.

    Pictures (PNG, JPEG, ...) are the exception: they are compressed as one
    piece, so they are decoded here.

    Parameters
    ----------
    source : str, os.PathLike, zarr.Group, array-like or sequence of array-likes
        Path of a TIFF, a zarr folder, a ``.npy`` file, a picture or a file of a
        microscope (see `microscope`); address of a zarr (see `remote`); or any
        array with ``shape``, ``dtype`` and basic indexing, whose ``dims`` name
        its axes if it has them (xarray); or such arrays from fine to coarse,
        as the data of napari's multiscale layers.
    key : str, optional
        Which image of several: a path inside a zarr group, or the number of a
        TIFF series.
    keep_indices : bool
        Keep the indices of a palette picture (labels), not its colours.
    allow_missing : bool
        Read planes of a TIFF as 0 whose files are not there, with a warning.

    Returns
    -------
    Source
        The array with its name and, where known, its axes.

    Raises
    ------
    ImageError
        If there is no such file, it cannot be read, it is damaged or cut
        short, or the source is no array; or if the arrays of a sequence do not
        get smaller.
    """
    address = address_of(source)
    if address is not None:
        from napari_hqsam.images.formats.zarr.opening import open_node

        name = address.rstrip("/").rsplit("/", 1)[-1]
        opened = open_node(open_address(address), key, name, where=address)
        return restored(opened, opened.note)
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        opened = _open_path(path, key, keep_indices, allow_missing)
        return restored(opened, opened.note)
    import zarr

    if isinstance(source, (zarr.Group, zarr.Array)):
        from napari_hqsam.images.formats.zarr.opening import open_node

        opened = open_node(source, key, source.basename or "array")
        return restored(opened, opened.note)
    if key is not None:
        raise ImageError(f"key {key!r} needs a file or a zarr group, not an array")
    # A multiscale sequence has a shape and a dtype as well: look for it first.
    if isinstance(source, Sequence) and source and all(map(_is_array, source)):
        return _open_multiscale(source)
    if _is_array(source):
        array = cast("LazyArray", source)
        names = getattr(array, "dims", None)
        axes = axes_from_names(names) if isinstance(names, tuple) else None
        space = None if axes is None else xarray_space(array, axes, "array")
        return Source(array, "array", axes, space=space)
    raise ImageError(
        f"a {type(source).__name__} is no image; pass a path or an array "
        "(numpy, zarr, dask, ...)"
    )


def _is_array(source: object) -> bool:
    return all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__"))


def _open_multiscale(arrays: Sequence[LazyArray]) -> Source:
    """Take the first of several arrays as the image, the others as its copies."""
    sizes = [math.prod(array.shape) for array in arrays]
    if any(fine <= coarse for fine, coarse in pairwise(sizes)):
        raise ImageError(
            f"{len(arrays)} arrays of {sizes} pixels are no image; pass one array, or "
            "the levels of one image from fine to coarse"
        )
    coarser = [Reduced(open_source(array).array) for array in arrays[1:]]
    return replace(open_source(arrays[0]), reduced=tuple(coarser))


def _open_path(
    path: Path, key: str | None, keep_indices: bool, allow_missing: bool
) -> Source:
    """Choose the reader by what lies at the path."""
    if path.is_dir():
        from napari_hqsam.images.formats.zarr.opening import open_zarr

        return open_zarr(path, key)
    if not path.exists():
        left = interrupted(path)
        raise ImageError(
            f"{path}: no such file or folder; check the path"
            if left is None
            else f"{path} was being replaced when a program was killed: what was there "
            f"is now {left}; rename it"
        )
    if not path.is_file():  # an archive may hold a pipe; to open it waits forever
        raise ImageError(f"{path} is a pipe or a device; pass a file or a folder")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {reason(error)}") from error
    asked = _ReadOptions(key, keep_indices, allow_missing)
    fitting = next(each for each in FILE_FORMATS if each.fits(path, magic))
    if key is not None and not fitting.has_keys:
        raise ImageError(f"{path} holds a single image; leave out key {key!r}")
    return fitting.open(path, asked)


@dataclass(frozen=True)
class _ReadOptions:
    """What a caller asks of a file; see `open_source`."""

    key: str | None
    keep_indices: bool
    allow_missing: bool


@dataclass(frozen=True)
class FileFormat:
    """A format of image files.

    Attributes
    ----------
    name : str
    fits : callable
        Whether a file is of this format, from its path and its first four bytes.
    open : callable
        Opens it.
    has_keys : bool
        Whether a file may hold several images, of which ``key`` chooses one.
    """

    name: str
    fits: Callable[[Path, bytes], bool]
    open: Callable[[Path, _ReadOptions], Source]
    has_keys: bool = False


def _open_tiff(path: Path, asked: _ReadOptions) -> Source:
    from napari_hqsam.images.formats.tiff.opening import open_tiff

    return open_tiff(path, asked.key, allow_missing=asked.allow_missing)


def _open_companion(path: Path, asked: _ReadOptions) -> Source:
    from napari_hqsam.images.formats.tiff.opening import open_companion

    return open_companion(path, asked.key, allow_missing=asked.allow_missing)


FILE_FORMATS = (
    FileFormat(
        "OME companion",
        lambda path, _: path.name.lower().endswith(".companion.ome"),
        _open_companion,
        True,
    ),
    FileFormat("TIFF", lambda _, magic: magic in _TIFF_MAGIC, _open_tiff, True),
    FileFormat(
        "microscope",
        lambda path, _: path.suffix.lower() in PLUGINS,
        lambda path, asked: open_microscope(path, asked.key),
        True,
    ),
    FileFormat(
        "npy", lambda _, magic: magic == NPY_MAGIC, lambda path, _: open_npy(path)
    ),
    FileFormat(
        "picture",
        lambda *_: True,
        lambda path, asked: open_raster(path, keep_indices=asked.keep_indices),
    ),
)
"""Formats of files, the first that fits counts; folders and addresses are zarr."""
