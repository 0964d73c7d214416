"""Readers for napari: OME-Zarr and zarr folders of every layout, and label TIFFs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.viewer.contributions.field_picker import pick_fields
from napari_hqsam.viewer.files.file_layers import (
    LayerData,
    image_layers,
    label_layer,
    place_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_TIFF = (".tif", ".tiff")
_NOTHING = [(None,)]
"""By which napari knows that a reader opened nothing on purpose."""


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Return the reader of zarr folders or of label TIFFs, if this is one."""
    if isinstance(path, list):
        return None
    if is_zarr(Path(path)) or _is_address_of_zarr(path):
        return read_zarr
    if path.lower().endswith(_TIFF) and Path(path).is_file():
        return read_tiff
    return None


def is_zarr(path: Path) -> bool:
    """Whether a folder holds zarr, of version 2 or 3."""
    names = ("zarr.json", ".zgroup", ".zarray")
    return path.is_dir() and any((path / name).is_file() for name in names)


def _is_address_of_zarr(path: str) -> bool:
    """Whether a path is an address that ends as those of zarr do."""
    from napari_hqsam.images.formats.zarr.remote import address_of

    return address_of(path) is not None and path.rstrip("/").endswith(".zarr")


def read_zarr(path: str) -> list[LayerData]:
    """Open a zarr folder lazily: labels as Labels layers, all else as Image layers.

    An image with the labels in it, each image of a converted file, the chosen fields
    of a plate or well, or a single array.

    Raises
    ------
    ImageError
        It cannot be read.
    """
    from napari_hqsam.images import open_source
    from napari_hqsam.images.formats.zarr.layout import layout_of
    from napari_hqsam.images.formats.zarr.nodes import open_folder

    folder = Path(path)  # of an address too, see `remote`
    name = folder.name.split(".")[0] or folder.name
    layout = layout_of(open_folder(folder))
    if layout.kind == "labels":
        return [label_layer(folder, "", name)]
    if layout.kind == "list of labels":
        return [label_layer(folder, key, key) for key in layout.keys]
    if layout.kind == "array":
        source = open_source(folder)
        dtype = np.dtype(source.array.dtype)
        kind = "labels" if dtype.kind in "iu" and dtype.itemsize > 2 else "image"
        return [(source.array, {"name": name} | place_of(source), kind)]
    if layout.kind == "image":
        layers = image_layers(folder, "", name)
        labels = [label_layer(folder, k, k.split("/", 1)[1]) for k in layout.labels]
        return [*layers, *labels]
    keys = list(layout.keys)
    if layout.kind != "series":
        keys = pick_fields(folder, keys)
        if not keys:
            return _NOTHING  # type: ignore[return-value]
    found: list[LayerData] = []
    for key in keys:
        own = name if len(layout.keys) == 1 else f"{name} {key}"
        found += image_layers(folder, key, own)
    return found


def read_tiff(path: str) -> list[LayerData]:
    """Open labels of a TIFF in their place, in memory, so that they can be edited.

    What holds no integers is opened as an image.

    Raises
    ------
    ImageError
        It cannot be read.
    """
    from napari_hqsam.images import open_source

    source = open_source(path, keep_indices=True)
    name = Path(path).name.split(".")[0]
    if np.dtype(source.array.dtype).kind in "iu" and not source.is_rgb:
        return [label_layer(Path(path), "", name)]
    rgb = bool(source.is_rgb)
    place = place_of(source, without="c" if rgb else "")
    return [(source.array, {"name": name, "rgb": rgb} | place, "image")]


__all__ = ["get_reader", "read_tiff", "read_zarr"]
