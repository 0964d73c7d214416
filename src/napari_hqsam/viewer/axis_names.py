"""Letters of a layer's axes: from its axis labels, else from its file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_hqsam.geometry.axes import axes_from_names

if TYPE_CHECKING:
    from napari.layers import Layer

_TIFF = {".tif", ".tiff"}
_of_files: WeakKeyDictionary[Layer, str] = WeakKeyDictionary()


def axis_letters(layer: Layer) -> str:
    """Return one letter for each axis of a layer; "" if they have no names.

    napari numbers axes without names (-3, -2, -1), and its own reader of TIFFs drops
    the names that are in the file: there they are looked up, once per layer.
    """
    letters = axes_from_names(layer.axis_labels)
    if letters is not None:
        return letters
    if layer not in _of_files:
        _of_files[layer] = _axes_in_file(layer)
    return _of_files[layer]


def _axes_in_file(layer: Layer) -> str:
    """Read axis letters of the first image in a layer's TIFF, if the shapes agree."""
    path = layer.source.path
    if path is None or Path(path).suffix.lower() not in _TIFF:
        return ""
    data: Any = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    # Whatever is wrong with the file, napari has opened it.
    with suppress(Exception):
        import tifffile

        from napari_hqsam.images.formats.tiff.planes import check_planes
        from napari_hqsam.images.formats.tiff.tables import check_tables

        smallest = check_tables(Path(path))
        with tifffile.TiffFile(path) as file:
            check_planes(file, Path(path), smallest)
            series = file.series[0]
            if tuple(series.shape) == tuple(data.shape):
                return axes_from_names(series.axes[: layer.ndim]) or ""
    return ""
