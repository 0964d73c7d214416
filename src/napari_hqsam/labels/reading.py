"""Read a label image of any supported format into memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import ImageError, reason
from napari_hqsam.images import open_source
from napari_hqsam.images.memory import check_fits
from napari_hqsam.labels.ids import whole_ids

if TYPE_CHECKING:
    import os


def read_labels(path: str | os.PathLike[str], *, key: str | None = None) -> np.ndarray:
    """Read a label image.

    Parameters
    ----------
    path : str or os.PathLike
        A TIFF, PNG (also with a palette: its indices are the ids), ``.npy``
        file or zarr folder.
    key : str, optional
        Which image of several: a path inside a zarr group, such as
        "labels/cells", or the number of a TIFF series.

    Returns
    -------
    numpy.ndarray
        Integers ``(..., h, w)`` as stored, in native byte order; leading
        dimensions of length 1 are dropped. bool becomes uint8 of 0 and 1; floats
        that are whole numbers become integers, see `whole_ids`.

    Raises
    ------
    ImageError
        If the file cannot be read, or holds other than whole numbers, or is a
        colour picture.
    """
    source = open_source(path, key=key, keep_indices=True)
    dtype = np.dtype(source.array.dtype)
    if dtype.kind not in "biuf":
        raise ImageError(
            f"{path} is {dtype}; labels must be integers, one id per pixel, so convert "
            "it"
        )
    if source.is_rgb:
        raise ImageError(
            f"{path} is a colour picture; labels must have one id per pixel, so save "
            "them as integers in one channel"
        )
    shape = tuple(source.array.shape)
    if len(shape) < 2 or 0 in shape:
        raise ImageError(f"{path} has shape {shape}; labels need 2 or more dimensions")
    size = math.prod(shape) * dtype.itemsize
    check_fits(size, f"the labels of {path}, of shape {shape},", "crop them")
    try:
        labels = np.asarray(source.array[...])
    except MemoryError:
        raise
    except Exception as error:  # each format and codec has its own errors
        raise ImageError(
            f"{path}: its pixels cannot be read ({reason(error)}); it may be damaged"
        ) from error
    if dtype.kind == "f":
        labels = whole_ids(labels, str(path))
        dtype = labels.dtype
    native = np.uint8 if dtype.kind == "b" else dtype.newbyteorder("=")
    # What was decoded is copied only for another dtype; a view of a file always is.
    labels = labels.astype(native, copy=not labels.flags.owndata)
    return labels.reshape(*(n for n in shape[:-2] if n > 1), *shape[-2:])
