"""Readers for napari: OME-Zarr and zarr folders, lazily, with scale and units."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

    from napari_hqsam.images import open_image
    from napari_hqsam.images.zarrs import (
        is_label_image,
        ome_metadata,
        open_folder,
        open_zarr,
    )

    name = Path(path).name.split(".")[0]
    source, node = open_zarr(Path(path)), open_folder(Path(path))
    array: Any = source.array
    if isinstance(node, zarr.Array):
        kind = (
            "labels"
            if array.dtype.kind in "iu" and array.dtype.itemsize > 2
            else "image"
        )
        return [(array, {"name": name}, kind)]
    place = _place(ome_metadata(node))
    if is_label_image(node):
        from napari_hqsam.labels import read_labels

        # In memory, so that it can be edited: napari edits no pyramid, and what
        # is on the disk stays as it was until it is saved.
        labels = read_labels(path).reshape(array.shape)
        return [(labels, {"name": name} | place, "labels")]
    image = open_image(path)
    arrays = [array, *(reduced.array for reduced in source.reduced)]
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


def _place(ome: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Scale, units and axis labels of the finest level, as napari takes them.

    Nothing where they are damaged: the pixels can be shown all the same.
    """
    try:
        image = ome["multiscales"][0]
        place: dict[str, list[Any]] = {
            "axis_labels": [str(axis["name"]) for axis in image["axes"]],
            "units": [str(axis.get("unit") or "pixel") for axis in image["axes"]],
        }
        for transform in image["datasets"][0].get("coordinateTransformations", []):
            if transform.get("type") == "scale":
                place["scale"] = _numbers(transform["scale"], place)
                if min(place["scale"]) <= 0:
                    raise ValueError("a pixel has no size")
            elif transform.get("type") == "translation":
                place["translate"] = _numbers(transform["translation"], place)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return {}
    return place


def _numbers(values: Any, place: Mapping[str, list[Any]]) -> list[float]:  # noqa: ANN401
    """Return a number for each axis; raise ValueError where they are none."""
    numbers = [float(value) for value in values]
    if len(numbers) != len(place["units"]) or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{values!r} are no numbers for {len(place['units'])} axes")
    return numbers


__all__ = ["get_reader", "read_zarr"]
