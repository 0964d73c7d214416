"""Layers of images and labels in files, lazily read, in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import HqsamError
from napari_hqsam.geometry.axes import COLOUR_SAMPLES
from napari_hqsam.viewer.files.label_files import FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import zarr

    from napari_hqsam.images import Source
    from napari_hqsam.images.formats.zarr.layout import Channel

LayerData = tuple[Any, dict[str, Any], str]
_COLORS = ("cyan", "yellow", "magenta", "red", "green", "blue")
_TWO_COLORS = ("magenta", "green")
_OTHERS = (0.8, 0.8, 0.8, 1.0)
"""Colour of objects that have none of their own, where others have."""


def image_layers(path: Path, key: str, name: str) -> list[LayerData]:
    """Return the layers of one image: one, or one for each channel.

    Parameters
    ----------
    path : pathlib.Path
        The zarr folder.
    key : str
        Path of the image inside it; "" for itself.
    name : str
        Name of the layers, where the channels have none.
    """
    import zarr

    from napari_hqsam.images import open_source
    from napari_hqsam.images.formats.zarr.layout import channels_of
    from napari_hqsam.images.formats.zarr.nodes import open_folder

    at = path / key
    source, node = open_source(at), open_folder(at)
    levels = [source.array, *(each.array for each in source.reduced)]
    if not isinstance(node, zarr.Group) or source.axes is None:
        return [(_data(levels), {"name": name, **place_of(source)}, "image")]
    shared = place_of(source, without="c")
    sizes = dict(zip(source.axes, source.array.shape, strict=True))
    count = sizes.get("c", 1)
    if source.axes.endswith("c") and count in COLOUR_SAMPLES:
        return [(_data(levels), {"name": name, "rgb": True} | shared, "image")]
    channels = channels_of(node, count)
    if "c" not in source.axes:
        shown = _shown(channels[0], name)
        return [(_data(levels), {"rgb": False} | shown | shared, "image")]
    layers: list[LayerData] = []
    for number, channel in enumerate(channels):
        data = _data([_one_channel(each, source.axes, number) for each in levels])
        colors = _TWO_COLORS if count == 2 else _COLORS
        shown = {"colormap": colors[number % len(colors)]} if count > 1 else {}
        shown |= _shown(channel, name if count == 1 else f"{name} [{number}]")
        blending = {"blending": "additive"} if count > 1 else {}
        layers.append((data, {"rgb": False} | blending | shown | shared, "image"))
    return layers


def label_layer(path: Path, key: str, name: str) -> LayerData:
    """Return the layer of a label image.

    In memory, so that it can be edited: napari edits no pyramid, and what is on the
    disk stays as it was until it is saved. Labels that are too large for that are read
    lazily.
    """
    from napari_hqsam.images import open_source
    from napari_hqsam.images.formats.zarr.nodes import open_folder
    from napari_hqsam.labels import read_labels

    at = path / key
    source = open_source(at, keep_indices=True)
    attributes: dict[str, Any] = {"name": name} | place_of(source)
    if key:
        attributes["metadata"] = {FILE: str(at.absolute())}
    is_zarr = at.suffix.lower() not in (".tif", ".tiff")
    if is_zarr and (colors := _colors(open_folder(at))):
        attributes["colormap"] = colors
    try:
        data: Any = read_labels(at).reshape(source.array.shape)
    except HqsamError:
        _check_integers(source)
        data = _data([source.array, *(each.array for each in source.reduced)])
    return data, attributes, "labels"


def place_of(source: Source, without: str = "") -> dict[str, Any]:
    """Return where an array lies, as keywords of napari's layers.

    Parameters
    ----------
    source : Source
    without : str
        Letters of axes that the layer does not have.
    """
    if source.axes is None:  # sizes may be known where names are not
        place = {} if source.space is None else source.space.to_napari()
        return {name: value for name, value in place.items() if name != "axis_labels"}
    axes = "".join(letter for letter in source.axes if letter not in without)
    if source.space is None:
        return {"axis_labels": tuple(axes)}
    return source.space.select(axes).to_napari()


def _data(levels: list[Any]) -> Any:  # noqa: ANN401 - an array or a list of arrays
    return levels if len(levels) > 1 else levels[0]


def _one_channel(array: Any, axes: str, number: int) -> Any:  # noqa: ANN401
    from napari_hqsam.images.rearranged import Rearranged

    order = [i for i, letter in enumerate(axes) if letter != "c"]
    return Rearranged(array, order, {axes.index("c"): number})


def _shown(channel: Channel, name: str) -> dict[str, Any]:
    """Return how a channel is shown, as keywords of a layer."""
    found: dict[str, Any] = {
        "name": channel.name or name,
        "colormap": channel.color,
        "contrast_limits": channel.limits,
        "visible": None if channel.visible else False,
    }
    return {key: value for key, value in found.items() if value is not None}


def _colors(node: zarr.Group | zarr.Array[Any]) -> Any:  # noqa: ANN401 - a colormap
    """Return the colours that the metadata give to objects; None if there are none."""
    from napari.utils.colormaps import DirectLabelColormap

    from napari_hqsam.images.formats.zarr.multiscale import ome_metadata

    try:
        entries = ome_metadata(node)["image-label"]["colors"]  # type: ignore[arg-type]
        found = dict(map(_color, entries))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    if not found:
        return None
    return DirectLabelColormap(color_dict={None: _OTHERS, 0: (0, 0, 0, 0)} | found)


def _color(entry: Mapping[str, Any]) -> tuple[int, tuple[float, ...]]:
    """Return the id and the colour of an entry."""
    rgba = tuple(float(v) / 255 for v in entry["rgba"])
    if len(rgba) != 4 or not all(0 <= v <= 1 for v in rgba):
        raise ValueError(f"{rgba} is no colour")
    return int(entry["label-value"]), rgba


def _check_integers(source: Source) -> None:
    """Raise the error of `read_labels` again, unless it is one of size."""
    if np.dtype(source.array.dtype).kind not in "iu" or source.is_rgb:
        from napari_hqsam.errors import ImageError

        raise ImageError(f"{source.name} holds no integers, so it is no label image")
