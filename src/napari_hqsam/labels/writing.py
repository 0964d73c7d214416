"""Make a label image: TIFF, OME-TIFF or OME-Zarr, by the name of the file.

One path for all: a zarr array on the disk that is painted into, then put in
place under its name. Memory holds a chunk or a tile at a time.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.files import replacing
from napari_hqsam.geometry import Space
from napari_hqsam.geometry.axes import label_axes
from napari_hqsam.images.rearranged import rearranged
from napari_hqsam.images.space_note import make_note
from napari_hqsam.labels.blocks import write_plane
from napari_hqsam.labels.formats import format_of, warn_of_losses
from napari_hqsam.labels.formats.in_image import image_of, register
from napari_hqsam.labels.formats.label_image import LabelImage
from napari_hqsam.labels.target import check_writable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import DTypeLike

_DTYPES = (np.dtype(np.uint16), np.dtype(np.uint32))
MAX_ID = int(np.iinfo(_DTYPES[-1]).max)
"""Highest id that the files hold."""


def id_dtype(highest: int) -> np.dtype:
    """Return the smallest data type for label files that all readers support.

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
    colors: Mapping[int, tuple[int, int, int, int]] | None = None,
    overwrite: bool | None = True,
    internal: bool = False,
) -> Iterator[Any]:
    """Create a label image on disk, atomically.

    Nothing is at the path before the block ends well. What is never written to
    stays background, and takes no room in OME-Zarr and hardly any in TIFF.

    Parameters
    ----------
    path : str or os.PathLike
        ``.tif``, ``.tiff``: an ImageJ hyperstack, compressed with zlib; TIFF in
        tiles where ImageJ has no such axis or the pixels take more than 4 GiB.
        ``.ome.tif``, ``.ome.tiff``: OME-TIFF in tiles. ``.zarr``, ``.ome.zarr``: an
        OME-Zarr 0.5 label image of one level. ``IMAGE/labels/NAME`` inside an
        OME-Zarr image: of its version and with as many levels, registered there.
    shape : sequence of int
        ``(..., h, w)``.
    dtype : dtype
        uint16 or uint32; see `id_dtype`.
    space : Space, optional
        Axes, and where the pixels are. By default in pixels, with the axes "yx",
        "zyx", "tzyx" or "tczyx".
    colors : mapping of int to (r, g, b, a), optional
        Colours that objects have, each from 0 to 255.
    overwrite : bool or None
        Whether labels that are already there may be replaced, see `check_writable`.
    internal : bool
        Whether no other program is to read it: TIFF is always in tiles then, which
        take half the time, and nothing is warned of.

    Yields
    ------
    zarr.Array or images.rearranged.Rearranged
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

    Warns
    -----
    HqsamWarning
        The format cannot hold all of space and colours; see `labels.formats`.
    """
    target, sizes = Path(path), tuple(int(n) for n in shape)
    if np.dtype(dtype) not in _DTYPES:
        raise ImageError(f"labels of {np.dtype(dtype)} are not written; use uint32")
    _check_shape(sizes)
    check_writable(target, overwrite=overwrite)
    kind = format_of(target)
    axes = kind.check_axes(None if space is None else space.axes, len(sizes))
    space = space or Space.pixels(axes)
    image = LabelImage(
        target, sizes, np.dtype(dtype), space, colors or {}, internal=internal
    )
    writer = kind.writer(image)
    if not internal:
        warn_of_losses(kind, image, writer)
    note = make_note(space, sizes, writer.stored_space)
    if image_of(target) is not None:
        target.parent.mkdir(exist_ok=True)
    with (
        replacing(target, new=overwrite is False) as partial,
        writer.open(partial, note) as stored,
    ):
        yield rearranged(stored, writer.axes, axes)
    register(target)


def write_labels(
    path: str | os.PathLike[str],
    labels: np.ndarray,
    *,
    axes: str | None = None,
    scale: Sequence[float] | None = None,
    units: str | Sequence[str | None] | None = None,
    translate: Sequence[float] | None = None,
    space: Space | None = None,
    colors: Mapping[int, tuple[int, int, int, int]] | None = None,
    overwrite: bool = True,
) -> None:
    """Write a label image, atomically.

    Parameters
    ----------
    path, colors, overwrite
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
        colors=colors,
        overwrite=overwrite,
    ) as stored:
        # One chunk at a time: of several at once, some would still be being
        # written while the failure of another is cleaned up.
        for index in np.ndindex(labels.shape[:-2]):
            write_plane(stored, index, labels[index])


def _check_shape(shape: tuple[int, ...]) -> None:
    """Raise ImageError for fewer than two dimensions, or one of length 0."""
    if len(shape) < 2 or min(shape) < 1:
        raise ImageError(
            f"labels have shape {shape}; they need 2 dimensions or more, none "
            "of length 0"
        )


def _check_ids(labels: np.ndarray) -> np.dtype:
    """Return the data type that holds the ids; raise ImageError if none does."""
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
