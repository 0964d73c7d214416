"""The labels of a job as a layer on their image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.viewer.canvas.layer_placing import placement
from napari_hqsam.viewer.planes import layer_shape, without_axis

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from napari.viewer import Viewer

READER = "napari-hqsam"


def add_result(
    viewer: Viewer,
    image: Image,
    channel_axis: int | None,
    data: Any,  # noqa: ANN401 - an array, or arrays from fine to coarse
    attributes: dict[str, Any],
    file: str,
) -> Labels:
    """Add labels above their image; the active layer, and with it the tool, stays.

    Parameters
    ----------
    viewer : Viewer
    image : Image
        They lie as it does, also if it was moved since it was opened. If it is gone,
        or has another shape, they lie as their file says.
    channel_axis : int or None
        Axis of the image that the labels lack.
    data : array or list of arrays
    attributes : dict
        Attributes of the layer, as the file says.
    file : str
    """
    from napari.layers import Labels
    from napari.layers._source import layer_source

    there = image in viewer.layers
    place: dict[str, Any] = {}
    shape = tuple((data[0] if isinstance(data, list) else data).shape)
    if there and shape == without_axis(layer_shape(image), channel_axis):
        if not channel_axis:
            place = placement(image, channel_axis)
        elif isinstance(data, np.ndarray):
            data = np.expand_dims(data, channel_axis)
            place = placement(image, channel_axis)
    name = f"{image.name} batch labels"
    with layer_source(path=file, reader_plugin=READER):
        layer = Labels(data, **attributes | place | {"name": name})
    active = viewer.layers.selection.active
    at = viewer.layers.index(image) + 1 if there else len(viewer.layers)
    viewer.layers.insert(at, layer)
    viewer.layers.selection.active = active
    return layer
