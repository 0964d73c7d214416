"""Labels layers placed on an image: new, restored, or converted from another layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.viewer.canvas.layer_placing import placement
from napari_hqsam.viewer.files.label_files import empty_labels
from napari_hqsam.viewer.planes import layer_shape, shape_without, without_axis

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

TARGET = "HQ-SAM labels"


def add_target(viewer: Viewer, image: Image, channel_axis: int | None) -> Labels:
    """Add an empty Labels layer as large as the image.

    Raises
    ------
    ImageError
        It would not fit in memory.
    """
    labels = empty_labels(shape_without(layer_shape(image), channel_axis))
    return _add_below(viewer, image, channel_axis, labels, f"{image.name} labels")


def add_restored(
    viewer: Viewer,
    image: Image,
    channel_axis: int | None,
    labels: NDArray[Any],
    name: str,
) -> Labels:
    """Add a Labels layer with what a session had.

    Raises
    ------
    ImageError
        It is of another shape than the image.
    """
    shape = without_axis(layer_shape(image), channel_axis)
    if labels.shape != shape:
        raise ImageError(
            f"the session is on labels of shape {labels.shape}, {image.name} needs "
            f"{shape}; choose the image that it was made on"
        )
    if channel_axis:
        labels = np.expand_dims(labels, channel_axis)
    return _add_below(viewer, image, channel_axis, labels, name)


def lacks_step(layer: Layer, image: Image, channel_axis: int | None) -> bool:
    """Whether labels lack only the axis of length 1 that stands for all channels."""
    if not channel_axis:
        return False
    return layer_shape(layer) == without_axis(layer_shape(image), channel_axis)


def as_labels(
    viewer: Viewer, layer: Layer, image: Image, channel_axis: int | None
) -> Labels:
    """Return a Labels layer for the labels of an image that a layer shows.

    It takes the place of the layer where that is an Image layer, or lacks an axis
    that labels of the image need, see `placement`.
    """
    from napari.layers import Labels
    from napari.layers._source import layer_source

    lacks = lacks_step(layer, image, channel_axis)
    if isinstance(layer, Labels) and not lacks:
        return layer
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    labels = np.asarray(data)
    whole = labels if labels.dtype.kind in "iu" else labels.astype(np.uint32)
    if lacks:
        whole = np.expand_dims(whole, channel_axis or 0)
    source = layer.source
    with layer_source(path=source.path, reader_plugin=source.reader_plugin):
        made = Labels(whole, name=layer.name)
    for name, value in placement(image, channel_axis).items():
        setattr(made, name, value)
    at = viewer.layers.index(layer)
    viewer.layers.remove(layer)
    viewer.layers.insert(at, made)
    return made


def _add_below(
    viewer: Viewer,
    image: Image,
    channel_axis: int | None,
    labels: NDArray[Any],
    name: str,
) -> Labels:
    """Add labels below the prompts; the active layer, and with it the tool, stays."""
    active = viewer.layers.selection.active
    layer = viewer.add_labels(labels, name=name, **placement(image, channel_axis))
    viewer.layers.move(viewer.layers.index(layer), viewer.layers.index(image) + 1)
    viewer.layers.selection.active = active
    return layer
