"""Readers for napari: OME-Zarr and zarr folders, lazily, with scale and units."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


LayerData = tuple[Any, dict[str, Any], str]


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


__all__ = ["get_reader", "read_zarr"]
