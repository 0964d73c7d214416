"""Find the layers that are channels of one image, and the axis that holds channels.

napari splits an image into one layer per channel, or shows a channel axis as a further
slider; in both cases it is one image with one set of labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_hqsam.viewer.axis_names import axis_letters
from napari_hqsam.viewer.canvas.layer_placing import agree, layer_affine, layer_extent
from napari_hqsam.viewer.canvas.proposal_layer import is_proposals
from napari_hqsam.viewer.files.journal_files import journal_beside
from napari_hqsam.viewer.planes import layer_shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Image, Layer

SHORT = range(2, 5)
"""Lengths of an unnamed axis that may hold channels."""


class ChannelAxis(NamedTuple):
    """Axis of an image's data that holds channels.

    Attributes
    ----------
    axis : int or None
        None: there is none.
    named : bool
        Whether axis names say so; else it is guessed from lengths.
    """

    axis: int | None
    named: bool


def channel_axis(image: Image) -> ChannelAxis:
    """Find the axis that holds channels, by axis labels, file or length.

    Without names an axis of 2 to 4 right before y, x, or the first one before
    z, y, x, may hold channels: that is a guess.
    """
    shape = layer_shape(image)
    if image.rgb or len(shape) < 3:
        return ChannelAxis(None, True)
    letters = axis_letters(image)
    if letters:
        return ChannelAxis(letters.index("c") if "c" in letters else None, True)
    leading = range(len(shape) - 2)
    short = [axis for axis in leading if shape[axis] in SHORT]
    likely = [axis for axis in short if axis in (len(shape) - 3, len(shape) - 4)]
    return ChannelAxis(likely[0], False) if likely else ChannelAxis(None, True)


def channels_of(image: Image, layers: Iterable[Layer]) -> list[Image]:
    """Return the layers that are one image together, from the lowest up.

    They have the same shape and placing; and they come from one file, or are blended
    additively, as napari's channels are.
    """
    found = [layer for layer in layers if is_image(layer)]
    if image not in found:
        return [image]
    at = found.index(image)
    first, stop = at, at + 1
    while first and _are_channels(found[first - 1], found[first]):
        first -= 1
    while stop < len(found) and _are_channels(found[stop - 1], found[stop]):
        stop += 1
    return found[first:stop]


def is_image(layer: object) -> bool:
    """Whether a layer is an image.

    Saved labels that napari opened as a picture are none, nor are outlines of
    proposals.
    """
    from napari.layers import Image

    return (
        isinstance(layer, Image)
        and not is_proposals(layer)
        and journal_beside(layer) is None
    )


def _are_channels(lower: Image, upper: Image) -> bool:
    """Whether two images, one above the other, are channels of one."""
    shape = layer_shape(lower)
    if lower.rgb or upper.rgb or shape != layer_shape(upper):
        return False
    paths = lower.source.path, upper.source.path
    if paths[0] != paths[1] or lower.source.sample != upper.source.sample:
        return False
    if str(upper.blending) != "additive" and (
        paths[0] is None and lower.source.sample is None
    ):
        return False
    return agree(layer_affine(lower), layer_affine(upper), shape)


def overlap(one: Layer, other: Layer) -> bool:
    """Whether the extents of two layers overlap in their last two axes."""
    boxes = [layer_extent(layer)[:, -2:] for layer in (one, other)]
    low = np.maximum(boxes[0][0], boxes[1][0])
    high = np.minimum(boxes[0][1], boxes[1][1])
    return bool((low < high).all())
