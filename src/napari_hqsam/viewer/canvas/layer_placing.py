"""Placing of layers in the world, and its transfer from one layer to another.

The only place where the viewer's layers meet world coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.viewer.axis_names import axis_letters
from napari_hqsam.viewer.planes import layer_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Placing:
    """Affine map between the data of a layer and the world.

    Attributes
    ----------
    linear : (n, n) float array
    offset : (n,) float array
    """

    linear: NDArray[np.float64]
    offset: NDArray[np.float64]

    @classmethod
    def of(cls, layer: Layer) -> Placing:
        """Compute it from where a layer maps its origin and unit vectors."""
        n = layer.ndim
        offset = np.asarray(layer.data_to_world(np.zeros(n)), np.float64)
        columns = [np.asarray(layer.data_to_world(row)) - offset for row in np.eye(n)]
        return cls(np.column_stack(columns), offset)

    def without(self, channel_axis: int | None, count: int) -> Placing:
        """Return the placing of layers with length 1 in place of `count` channels."""
        if channel_axis is None:
            return self
        if channel_axis == 0:
            return self.last(len(self.offset) - 1)
        linear = self.linear.copy()
        along = linear[:, channel_axis].copy()
        linear[:, channel_axis] *= count
        return Placing(linear, self.offset + along * (count - 1) / 2)

    def last(self, ndim: int) -> Placing:
        """Return the placing of the last axes."""
        return Placing(self.linear[-ndim:, -ndim:], self.offset[-ndim:])

    def to_world(self, points: ArrayLike) -> NDArray[np.float64]:
        """Convert (n, ndim) data coordinates to world coordinates."""
        world: NDArray[np.float64] = np.asarray(points) @ self.linear.T + self.offset
        return world

    def to_data(self, points: ArrayLike) -> NDArray[np.float64]:
        """Convert (n, ndim) world coordinates to data coordinates."""
        moved = np.asarray(points, np.float64) - self.offset
        return np.asarray(np.linalg.solve(self.linear, moved.T).T, np.float64)

    def agrees(self, other: Placing, shape: Sequence[int]) -> bool:
        """Whether both place data of a shape alike, to half a pixel."""
        n = len(self.offset)
        if n != len(other.offset):
            return False
        corners = np.vstack([np.zeros(n), np.diag(np.asarray(shape, float))])
        apart = other.to_data(self.to_world(corners)) - corners
        return bool(np.abs(apart).max() < 0.5)


def transfer(
    points: ArrayLike, source: Layer, target: Layer, point: Sequence[float]
) -> NDArray[np.float64]:
    """Map data coordinates of one layer to those of another.

    Parameters
    ----------
    points : (n, source.ndim) array
    source, target : Layer
    point : sequence of float
        World position of the sliders: where `source` lacks axes that `target`
        has, its points lie on the slice shown.

    Returns
    -------
    (n, target.ndim) float64 array
    """
    array = np.asarray(points, np.float64).reshape(-1, source.ndim)
    world = Placing.of(source).to_world(array)
    lacking = target.ndim - source.ndim
    if lacking > 0:
        filled = np.asarray(point, np.float64)[-target.ndim : -source.ndim]
        world = np.hstack([np.tile(filled, (len(world), 1)), world])
    return Placing.of(target).to_data(world[:, -target.ndim :])


def placement(image: Layer, channel_axis: int | None = None) -> dict[str, Any]:
    """Return the keywords that place another layer on an image.

    Parameters
    ----------
    image : Layer
    channel_axis : int, optional
        The other layer lacks this axis if it is the first one. Else it has length 1
        there, stretched over all channels, so that it is seen with each of them.
    """
    n, dropped = image.ndim, int(channel_axis == 0)
    keep = slice(dropped, None)
    rows, columns = np.triu_indices(n, 1)
    shear = np.asarray(image.shear)
    if shear.ndim == 1:  # the upper triangle, row by row
        shear = shear[(rows >= dropped) & (columns >= dropped)]
    else:
        shear = shear[keep, keep]
    affine = np.asarray(image.affine.affine_matrix)
    scale, translate = np.array(image.scale, float), np.array(image.translate, float)
    if channel_axis:
        from napari.utils.transforms import Affine

        own = Affine(scale=scale, rotate=image.rotate, shear=image.shear, ndim=n)
        count = layer_shape(image)[channel_axis]
        translate += own.linear_matrix[:, channel_axis] * (count - 1) / 2
        scale[channel_axis] *= count
    return {
        "scale": scale[keep],
        "translate": translate[keep],
        "rotate": np.asarray(image.rotate)[keep, keep],
        "shear": shear,
        "affine": affine[keep, keep],
        "units": tuple(image.units)[keep],
        "axis_labels": tuple(axis_letters(image) or image.axis_labels)[keep],
    }
