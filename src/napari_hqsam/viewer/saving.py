"""Readers and writers for napari: label files with their scale and units.

What napari's own dialogs call, and the widget's save button too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


LayerData = tuple[Any, dict[str, Any], str]
_OME_ORDER = "tczyx"


def save_labels(path: str, data: Any, attributes: Mapping[str, Any]) -> str:  # noqa: ANN401
    """Write labels as TIFF, OME-TIFF or OME-Zarr, by the suffix.

    Parameters
    ----------
    path : str
    data : array
        Integers.
    attributes : mapping
        Of the layer, as napari hands them to writers: scale, units, axis labels.

    Returns
    -------
    str
        The path.

    Raises
    ------
    HqsamError
        As `write_labels`.
    """
    from napari_hqsam.labels import write_labels

    space = space_of(attributes, len(data.shape))
    write_labels(path, np.asarray(data), **space)
    return path


def space_of(attributes: Mapping[str, Any], ndim: int) -> dict[str, Any]:
    """Axes, scale and units of a layer, as keywords of `write_labels`.

    Parameters
    ----------
    attributes : mapping
        Of the layer, as napari hands them to writers.
    ndim : int
    """
    scale = [abs(float(s)) for s in attributes.get("scale", np.ones(ndim))]
    units = [_unit(u) for u in attributes.get("units") or [None] * ndim]
    known = any(s != 1 for s in scale) or any(units)
    return {
        "axes": axes_of(attributes.get("axis_labels"), ndim),
        "scale": scale if known else None,
        "units": units if known else None,
    }


def write_labels_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:  # noqa: ANN401
    """Write a Labels layer, as npe2 calls it."""
    return [save_labels(path, data, attributes)]


def axes_of(names: Any, ndim: int) -> str | None:  # noqa: ANN401
    """Axes letters from napari's axis labels, where these are such.

    None, for the default, where they are numbers, as napari's own default is.
    """
    letters = "".join(str(n).lower() for n in names or ())
    in_order = [a for a in _OME_ORDER if a in letters]
    if len(letters) == ndim and letters == "".join(in_order) and letters[-2:] == "yx":
        return letters
    return None


def _unit(unit: object) -> str | None:
    name = str(unit or "pixel")
    return None if name in ("pixel", "dimensionless", "") else name


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Return the reader of OME-Zarr and zarr folders, if this is one."""
    if isinstance(path, list) or not is_zarr(Path(path)):
        return None
    return read_zarr


def is_zarr(path: Path) -> bool:
    """Whether a folder holds zarr, of version 2 or 3."""
    names = ("zarr.json", ".zgroup", ".zarray")
    return path.is_dir() and any((path / name).is_file() for name in names)


def read_zarr(path: str) -> list[LayerData]:
    """Open a zarr folder lazily: labels as Labels layer, all else as Image.

    Raises
    ------
    ImageError
        It cannot be read.
    """
    import zarr

    from napari_hqsam.images.zarrs import ome_metadata

    name = Path(path).name.split(".")[0]
    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        kind = (
            "labels" if node.dtype.kind in "iu" and node.dtype.itemsize > 2 else "image"
        )
        return [(node, {"name": name}, kind)]
    ome = ome_metadata(node)
    place = _place(ome)
    levels: list[Any] = [node[d["path"]] for d in _datasets(ome)]
    if "image-label" in ome and levels:
        # In memory, so that it can be edited: napari edits no pyramid, and what
        # is on the disk stays as it was until it is saved.
        return [(np.asarray(levels[0][...]), {"name": name} | place, "labels")]
    from napari_hqsam.images import open_image

    image = open_image(path)
    arrays = levels or [image.array]
    rgb = image.is_rgb and image.axes[-1] == "c"
    channel = image.axes.index("c") if "c" in image.axes and not rgb else None
    attributes: dict[str, Any] = {"name": name, "rgb": rgb}
    if channel is None and not rgb:
        attributes |= place
    elif channel is not None:
        attributes["channel_axis"] = channel
        attributes["name"] = None
        attributes |= {
            k: [v for i, v in enumerate(values) if i != channel]
            for k, values in place.items()
        }
    data: Any = arrays if len(arrays) > 1 else arrays[0]
    return [(data, attributes, "image")]


def _datasets(ome: Mapping[str, Any]) -> list[dict[str, Any]]:
    multiscales = ome.get("multiscales") or [{}]
    found: list[dict[str, Any]] = multiscales[0].get("datasets", [])
    return found


def _place(ome: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Scale, units and axis labels of the finest level, as napari takes them."""
    axes = (ome.get("multiscales") or [{}])[0].get("axes", [])
    if not axes or not all(isinstance(a, dict) for a in axes):
        return {}
    place: dict[str, list[Any]] = {
        "axis_labels": [a.get("name", "") for a in axes],
        "units": [a.get("unit") or "pixel" for a in axes],
    }
    for transform in _datasets(ome)[0].get("coordinateTransformations", []):
        if transform.get("type") == "scale":
            place["scale"] = list(transform["scale"])
        elif transform.get("type") == "translation":
            place["translate"] = list(transform["translation"])
    return place


__all__ = ["get_reader", "read_zarr", "save_labels", "write_labels_layer"]
