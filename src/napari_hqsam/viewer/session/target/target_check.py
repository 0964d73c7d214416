"""Check that objects of an image can be written to a Labels layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import OutputError
from napari_hqsam.viewer.canvas.layer_placing import (
    agree,
    layer_affine,
    without_channels,
)
from napari_hqsam.viewer.planes import layer_shape, shape_without

if TYPE_CHECKING:
    from napari.layers import Image, Labels


def has_shape_for(layer: Labels, image: Image, channel_axis: int | None) -> bool:
    """Whether labels have the shape that objects of an image need."""
    return layer_shape(layer) == shape_without(layer_shape(image), channel_axis)


def check_target(layer: Labels, image: Image, channel_axis: int | None) -> None:
    """Raise OutputError unless objects of an image can be written to a Labels layer.

    Raises
    ------
    OutputError
        The layer has another shape or lies elsewhere than the image, or it is
        multiscale or read-only.
    """
    whole = layer_shape(image)
    shape, wanted = layer_shape(layer), shape_without(whole, channel_axis)
    remedy = "choose another target, or a new one"
    if shape != wanted:
        raise OutputError(
            f"{layer.name} has shape {shape}, {image.name} needs {wanted}; {remedy}"
        )
    count = whole[channel_axis or 0]
    place = without_channels(layer_affine(image), channel_axis, count)
    if not agree(layer_affine(layer), place, wanted):
        raise OutputError(
            f"{layer.name} lies elsewhere than {image.name} (scale, translation or "
            f"rotation); {remedy}"
        )
    if layer.multiscale:
        raise OutputError(
            f"{layer.name} is multiscale, which napari cannot edit; {remedy}"
        )
    if channel_axis and not isinstance(layer.data, np.ndarray):
        raise OutputError(
            f"{layer.name} is on the disk, where labels of an image with channels "
            f"within its axes cannot be written; {remedy}"
        )
    flags = getattr(layer.data, "flags", None)
    read_only = flags is not None and not getattr(flags, "writeable", True)
    if read_only or getattr(layer.data, "read_only", False) or not layer.editable:
        raise OutputError(f"{layer.name} is read-only; {remedy}")
