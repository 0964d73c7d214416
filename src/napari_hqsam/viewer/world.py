"""The viewer's world, in which cursor, sliders and camera are.

Since napari 0.9 it has one unit for all lengths, the smallest of any layer. What
a layer calls world is in its own units: the two differ by a factor along each axis,
which napari's own ``world_to_data`` does not apply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import Dims
    from napari.layers import Layer
    from numpy.typing import ArrayLike, NDArray


def world_units(dims: Dims, ndim: int) -> tuple[Any, ...] | None:
    """Return the units of the last axes of the world; None if it has none of its own.

    That is, before napari 0.9, and where a pixel is compared with a length.
    """
    units = getattr(dims, "units", None)
    return None if units is None or len(units) < ndim else tuple(units[-ndim:])


def unit_factors(layer: Layer, dims: Dims) -> NDArray[np.float64]:
    """Return the units of the layer in those of the world, (ndim,)."""
    units = world_units(dims, layer.ndim) or tuple(layer.units)
    return np.array([_factor(a, b) for a, b in zip(layer.units, units, strict=True)])


def to_data(layer: Layer, position: Sequence[float], dims: Dims) -> NDArray[np.float64]:
    """Map a position in the world to (ndim,) data coordinates of a layer."""
    own = np.asarray(position, np.float64)[-layer.ndim :] / unit_factors(layer, dims)
    return np.asarray(layer.world_to_data(own), np.float64)


def to_world(layer: Layer, data: ArrayLike, dims: Dims) -> NDArray[np.float64]:
    """Map data coordinates of a layer to an (ndim,) position in the world."""
    own = np.asarray(layer.data_to_world(np.asarray(data, np.float64)))
    return own * unit_factors(layer, dims)


def _factor(unit: Any, other: Any) -> float:  # noqa: ANN401 - units of pint
    if unit == other:
        return 1.0
    try:
        return float((1 * unit).to(other).magnitude)
    except Exception:  # a length and a pixel, in words of any version of pint
        return 1.0
