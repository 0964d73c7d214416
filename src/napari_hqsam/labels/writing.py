"""Write a label image: TIFF, OME-TIFF or OME-Zarr, by the name of the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
import zarr

from napari_hqsam.errors import ImageError
from napari_hqsam.labels.space import Space, check_axes, make_space
from napari_hqsam.labels.target import ZARR_SUFFIX, check_writable, replacing

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIFF_TILE = (256, 256)
_ZARR_CHUNK = 1024
# Offsets of a classic TIFF end at 4 GiB; leave room for headers and for data
# that compression makes larger.
_CLASSIC_TIFF_BYTES = 2**32 - 2**26


def write_labels(
    path: str | os.PathLike[str],
    labels: np.ndarray,
    *,
    axes: str | None = None,
    scale: Sequence[float] | None = None,
    units: str | Sequence[str | None] | None = None,
    overwrite: bool = True,
) -> None:
    """Write a label image, wholly or not at all.

    Parameters
    ----------
    path : str or os.PathLike
        ``.tif``, ``.tiff``: TIFF in tiles, compressed with zlib. ``.ome.tif``,
        ``.ome.tiff``: the same as OME-TIFF. ``.zarr``, ``.ome.zarr``: an
        OME-Zarr 0.5 label image with the one level "0", one chunk per 1024 x
        1024 pixels of a plane (labels of several levels cannot be edited in
        napari).
    labels : numpy.ndarray
        Integers (or bool), not negative, shape ``(..., h, w)``; stored as
        uint16 if all ids fit, else uint32.
    axes : str, optional
        One letter per dimension, ending in ``yx``. By default "yx", "zyx",
        "tzyx" or "tczyx".
    scale : sequence of float, optional
        Size of a pixel along each axis.
    units : str or sequence of (str or None), optional
        Unit of each axis, such as "micrometer" or "µm"; one name stands for
        all axes of space.
    overwrite : bool
        Whether labels that are already there may be replaced.

    Raises
    ------
    ImageError
        If the labels are not integers, are empty, have ids below 0 or above
        2**32 - 1, or do not fit axes, scale, units or format.
    OutputError
        If the file cannot be written (see `check_writable`), the disk being
        full for one. Then nothing is left of it, and what was there before is
        unchanged.
    """
    stored = _as_stored(np.asarray(labels))
    target = Path(path)
    check_writable(target, overwrite=overwrite)
    space = make_space(check_axes(axes, stored.ndim, target.name), scale, units)
    with replacing(target) as partial:
        if target.name.lower().endswith(ZARR_SUFFIX):
            _write_zarr(partial, stored, space, target.name)
        else:
            _write_tiff(partial, stored, space, target.name)


def _as_stored(labels: np.ndarray) -> np.ndarray:
    """Labels in the smallest type that readers agree on; raise if unfit."""
    if labels.dtype.kind not in "biu":
        raise ImageError(f"labels are {labels.dtype}; convert them to integers")
    if labels.ndim < 2 or labels.size == 0:
        raise ImageError(
            f"labels have shape {labels.shape}; they need 2 dimensions or more, none "
            "of length 0"
        )
    lowest, highest = int(labels.min()), int(labels.max())
    limit = np.iinfo(np.uint32).max
    if lowest < 0 or highest > limit:
        raise ImageError(
            f"label ids run from {lowest} to {highest}, files hold 0 to {limit}; "
            "relabel them"
        )
    small = highest <= np.iinfo(np.uint16).max
    return labels.astype(np.uint16 if small else np.uint32, copy=False)


def _write_tiff(path: Path, labels: np.ndarray, space: Space, name: str) -> None:
    """Write one page per plane; the data are on the disk on return."""
    is_ome = name.lower().endswith((".ome.tif", ".ome.tiff"))
    resolution = space.tiff_resolution()
    with path.open("xb") as file:
        tifffile.imwrite(
            file,
            labels,
            ome=is_ome,
            bigtiff=labels.nbytes > _CLASSIC_TIFF_BYTES,
            photometric="minisblack",
            compression="zlib",
            tile=_TIFF_TILE,
            metadata=space.ome_xml() if is_ome else space.tiff(),
            resolution=resolution,
            resolutionunit="CENTIMETER" if resolution else None,
        )
        file.flush()
        # Else a power cut after the renaming could leave an empty file.
        os.fsync(file.fileno())


def _write_zarr(path: Path, labels: np.ndarray, space: Space, name: str) -> None:
    """Write a zarr v3 group of one array and the metadata of a label image."""
    title = name[: -len(ZARR_SUFFIX)].removesuffix(".ome")
    sizes = tuple(min(n, _ZARR_CHUNK) for n in labels.shape[-2:])
    chunks = (1,) * (labels.ndim - 2) + sizes
    group = zarr.create_group(
        store=str(path), zarr_format=3, attributes=space.ome_zarr(title)
    )
    array = group.create_array(
        "0",
        shape=labels.shape,
        dtype=labels.dtype,
        chunks=chunks,
        dimension_names=tuple(space.axes),
    )
    # One chunk at a time: of several at once, some would still be being written,
    # folder and all, while the failure of another is cleaned up.
    grid = tuple(-(-n // size) for n, size in zip(labels.shape, chunks, strict=True))
    for place in np.ndindex(grid):
        region = tuple(
            slice(i * size, (i + 1) * size)
            for i, size in zip(place, chunks, strict=True)
        )
        array[region] = labels[region]
