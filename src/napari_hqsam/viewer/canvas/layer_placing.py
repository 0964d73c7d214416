"""Placing of layers in the world, and its transfer from one layer to another.

The only place where the viewer's layers meet world coordinates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry import Affine, Space
from napari_hqsam.geometry.units import convert, unit_name
from napari_hqsam.viewer.axis_names import axis_letters
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.world import unit_factors, world_units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import Dims
    from napari.layers import Layer
    from numpy.typing import ArrayLike, NDArray

_SAME = 0.5
"""Pixels that layers in the same place may be apart."""
_ANY_AXES = "abdefghijklmnopqruvw"


def layer_space(layer: Layer) -> Space:
    """Return where a layer lies; an odd unit is none.

    Axes without names have letters of no meaning, in their order.
    """
    n = layer.ndim
    axes = axis_letters(layer) or _ANY_AXES[:n]
    units = [_unit(u, a) for u, a in zip(layer.units, axes, strict=True)]
    offset = np.asarray(layer.data_to_world(np.zeros(n)), np.float64)
    columns = [np.asarray(layer.data_to_world(row)) - offset for row in np.eye(n)]
    return Space(axes, tuple(units), Affine.of(np.column_stack(columns), offset))


def layer_affine(layer: Layer) -> Affine:
    """Return the map from the data of a layer to micrometers and seconds.

    An axis without such a unit keeps its own, as in napari.
    """
    space = layer_space(layer)
    return Affine.scaling(_unit_sizes(space)) @ space.affine


def layer_extent(layer: Layer) -> NDArray[np.float64]:
    """Return the lowest and highest corner, (2, ndim), in units of `layer_affine`."""
    return np.asarray(layer.extent.world) * _unit_sizes(layer_space(layer))


def _unit_sizes(space: Space) -> list[float]:
    """Return the unit of each axis in micrometers or seconds; 1 where it is neither."""
    return [
        convert(1.0, unit, "second" if letter == "t" else "micrometer") or 1.0
        for letter, unit in zip(space.axes, space.units, strict=True)
    ]


def world_affine(layer: Layer, dims: Dims) -> Affine:
    """Return the map from the data of a layer to the viewer's world."""
    factors = unit_factors(layer, dims).tolist()
    return Affine.scaling(factors) @ layer_space(layer).affine


def without_channels(affine: Affine, channel_axis: int | None, count: int) -> Affine:
    """Return where layers lie that have length 1 in place of `count` channels.

    They lack the axis if it is the first one.
    """
    if channel_axis is None:
        return affine
    if channel_axis == 0:
        return affine.last(affine.ndim - 1)
    sizes, centre = np.ones(affine.ndim), np.zeros(affine.ndim)
    sizes[channel_axis], centre[channel_axis] = count, (count - 1) / 2
    return affine @ Affine.scaling(sizes.tolist(), centre.tolist())


def agree(one: Affine, other: Affine, shape: Sequence[int]) -> bool:
    """Whether two layers with data of a shape lie alike, to half a pixel."""
    return one.distance(other, shape) < _SAME


def _unit(unit: object, letter: str) -> str | None:
    try:
        return unit_name(str(unit), letter)
    except ImageError:
        return None


def transfer(
    points: ArrayLike, source: Layer, target: Layer, dims: Dims
) -> NDArray[np.float64]:
    """Map data coordinates of one layer to those of another.

    Parameters
    ----------
    points : (n, source.ndim) array
    source, target : Layer
    dims : Dims
        Position of the sliders: where `source` lacks axes that `target`
        has, its points lie on the slice shown.

    Returns
    -------
    (n, target.ndim) float64 array
    """
    array = np.asarray(points, np.float64).reshape(-1, source.ndim)
    world = world_affine(source, dims)(array)
    lacking = target.ndim - source.ndim
    if lacking > 0:
        filled = np.asarray(dims.point, np.float64)[-target.ndim : -source.ndim]
        world = np.hstack([np.tile(filled, (len(world), 1)), world])
    return world_affine(target, dims).inverse()(world[:, -target.ndim :])


def placement(
    image: Layer, channel_axis: int | None = None, dims: Dims | None = None
) -> dict[str, Any]:
    """Return the keywords that place another layer on an image.

    Parameters
    ----------
    image : Layer
    channel_axis : int, optional
        The other layer lacks this axis if it is the first one. Else it has length 1
        there, stretched over all channels, so that it is seen with each of them.
    dims : Dims, optional
        Place it in the units of the viewer's world, if there are such: napari's tools
        take positions of the mouse for positions in the units of the layer.
    """
    space, units = layer_space(image), tuple(image.units)
    world = None if dims is None else world_units(dims, image.ndim)
    if world is not None and world != units:
        names = [_unit(u, a) for u, a in zip(world, space.axes, strict=True)]
        converted = space.in_units(names)
        space, units = (space, units) if converted is None else (converted, world)
    count = layer_shape(image)[channel_axis or 0]
    affine = without_channels(space.affine, channel_axis, count)
    keep = slice(int(channel_axis == 0), None)
    place = Space(space.axes[keep], space.units[keep], affine).to_napari()
    # The units first: napari 0.9 slices by those of before until a scale is set. As the
    # image has them, whether or not files know them.
    return (
        {"units": units[keep]}
        | place
        | {
            "units": units[keep],
            "axis_labels": tuple(axis_letters(image) or image.axis_labels)[keep],
        }
    )
