"""Zarr folders: OME-Zarr 0.1 to 0.6 with its pyramid, and plain arrays.

Both zarr formats (v2 and v3) are read. Only metadata is touched here; chunks
are read when the array is indexed. Specification: https://ngff.openmicroscopy.org
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import zarr

from napari_hqsam.errors import HqsamWarning, ImageError, reason
from napari_hqsam.geometry.axes import axes_from_names
from napari_hqsam.images.formats.zarr.check import checked_array
from napari_hqsam.images.formats.zarr.coordinates import (
    dimension_names,
    space_beside,
    warn_of_packing,
)
from napari_hqsam.images.formats.zarr.multiscale import ome_metadata, open_multiscale
from napari_hqsam.images.formats.zarr.nodes import child, only_array, open_folder
from napari_hqsam.images.source import Source

if TYPE_CHECKING:
    from pathlib import Path


def open_zarr(path: Path, key: str | None = None) -> Source:
    """Open a folder as zarr.

    Parameters
    ----------
    path : pathlib.Path
        Folder of a zarr group or array.
    key : str, optional
        Path of a group or array inside it, such as "labels/cells".

    Returns
    -------
    Source
        The array of the highest resolution, and the others of its pyramid.

    Raises
    ------
    ImageError
        If the folder is no zarr, is damaged, or holds several images and
        ``key`` does not choose one.
    """
    node = open_folder(path)
    group = None
    if isinstance(node, zarr.Array):
        with suppress(ImageError):  # it lies in no group
            around = open_folder(path.parent)
            group = around if isinstance(around, zarr.Group) else None
    return open_node(node, key, path.name, where=str(path), group=group)


def open_node(
    node: zarr.Group | zarr.Array[Any],
    key: str | None,
    name: str,
    *,
    where: str | None = None,
    group: zarr.Group | None = None,
) -> Source:
    """Find the image in an open zarr group or array.

    Parameters
    ----------
    node : zarr.Group or zarr.Array
        Where to look.
    key : str or None
        Path inside the group.
    name : str
        Name of the image.
    where : str, optional
        What error messages call it; the name by default.
    group : zarr.Group, optional
        Where the node lies, if that is known and it is an array.

    Returns
    -------
    Source
        The array of the highest resolution and the others of its pyramid, with
        the axes of the metadata.

    Raises
    ------
    ImageError
        As for `open_zarr`.
    """
    where = where or name
    if key is not None:
        inner = child(node, key, where)
        if isinstance(inner, zarr.Array) and isinstance(node, zarr.Group):
            with suppress(KeyError):
                around = node[key.rpartition("/")[0]] if "/" in key else node
                group = around if isinstance(around, zarr.Group) else None
        node = inner
    try:
        if isinstance(node, zarr.Array):
            return _plain(node, name, where, group)
        metadata = ome_metadata(node)
        if metadata.get("multiscales"):
            return open_multiscale(node, metadata["multiscales"], name, where)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # whatever the JSON holds, and zarr makes of it
        raise ImageError(
            f"{where}: its metadata are damaged or name a missing array "
            f"({reason(error)})"
        ) from error
    if "plate" in metadata or "well" in metadata:
        raise ImageError(
            f"{where} is {_of_fields(metadata)}: open one of them by its path, or pass "
            "key, such as A/1/0",
            parameter="key",
        )
    if key is None and "bioformats2raw.layout" in metadata:
        # A converted microscope file: its images are the groups 0, 1, ...
        if "1" in node:
            warnings.warn(
                HqsamWarning(
                    f"{where} holds several images, of which 0 is read: pass key for "
                    "another",
                    parameter="key",
                ),
                stacklevel=5,
            )
        return open_node(node, "0", name, where=where)
    return _plain(only_array(node, where), name, where, node)


def _plain(
    array: zarr.Array[Any], name: str, where: str, group: zarr.Group | None
) -> Source:
    """Open an array without metadata of OME-Zarr; `group` is where it lies."""
    array = checked_array(array, where)
    axes = axes_from_names(dimension_names(array))
    warn_of_packing(array, where)
    space = None if axes is None else space_beside(array, group, axes, where)
    return Source(array, name, axes, space=space)


def _of_fields(metadata: Mapping[str, Any]) -> str:
    """Describe the fields of a plate or a well."""
    plate, well = metadata.get("plate"), metadata.get("well")
    entries = (plate or well or {}) if isinstance(plate or well, Mapping) else {}
    wells = entries.get("wells" if plate else "images") or []
    names = [str(e.get("path")) for e in wells if isinstance(e, Mapping)][:4]
    listed = f" ({', '.join(names)}{', ...' if len(wells) > 4 else ''})"
    what = "a plate of wells" if plate else "a well of fields"
    return what + (listed if names else "")
