"""Letters of a layer's axes: from its axis labels, else from its file; its place there.

napari's own reader of TIFFs drops what the file says of both.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from napari_hqsam.geometry.axes import axes_from_names

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_hqsam.geometry import Space


class _InFile(NamedTuple):
    """What the file of a layer says: letters of its axes, and where its pixels are."""

    letters: str = ""
    space: Space | None = None


_TIFF = {".tif", ".tiff", ".lsm", ".stk", ".svs", ".ndpi", ".scn", ".qptiff"}
_of_files: WeakKeyDictionary[Layer, _InFile] = WeakKeyDictionary()


def axis_letters(layer: Layer) -> str:
    """Return one letter for each axis of a layer; "" if they have no names.

    napari numbers axes without names (-3, -2, -1): those are looked up in the file.
    """
    letters = axes_from_names(layer.axis_labels)
    return _in_file(layer).letters if letters is None else letters


def place_left_out(layer: Layer) -> Space | None:
    """Return where the file of a layer puts its pixels, if the layer is in pixels.

    None where the layer has a place of its own, or the file tells none.
    """
    n = layer.ndim
    corners = np.vstack([np.zeros(n), np.eye(n)])
    moved = [np.asarray(layer.data_to_world(corner)) for corner in corners]
    if not np.allclose(moved, corners) or {str(u) for u in layer.units} != {"pixel"}:
        return None
    space = _in_file(layer).space
    return None if space is None or space.is_plain else space


def _in_file(layer: Layer) -> _InFile:
    """Return what the file of a layer says; looked up once."""
    if layer not in _of_files:
        _of_files[layer] = _read(layer)
    return _of_files[layer]


def _read(layer: Layer) -> _InFile:
    """Read axes and place of the first image in a layer's TIFF, if the shapes agree."""
    path = layer.source.path
    if path is None or Path(path).suffix.lower() not in _TIFF:
        return _InFile()
    data: Any = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    # Whatever is wrong with the file, napari has opened it.
    with suppress(Exception):
        import tifffile

        from napari_hqsam.images.formats.tiff.planes import check_planes
        from napari_hqsam.images.formats.tiff.space import tiff_space
        from napari_hqsam.images.formats.tiff.tables import check_tables

        smallest = check_tables(Path(path))
        with tifffile.TiffFile(path) as file:
            check_planes(file, Path(path), smallest)
            series = file.series[0]
            if tuple(series.shape) == tuple(data.shape):
                letters = axes_from_names(series.axes) or ""
                own = letters[: layer.ndim]
                with suppress(Exception), warnings.catch_warnings(action="ignore"):
                    return _InFile(own, tiff_space(file, 0, letters).select(own))
                return _InFile(own)
    return _InFile()
