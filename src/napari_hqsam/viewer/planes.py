"""The plane of a layer that the viewer shows, and coordinates on it.

Any two axes of a stack may be the displayed ones (xy, xz, yz): the plane is
whatever the dims sliders show, its rows the earlier of the two data axes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry import Plane, Reslice
from napari_hqsam.viewer.axis_names import axis_letters
from napari_hqsam.viewer.world import to_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import Dims
    from napari.layers import Layer
    from numpy.typing import ArrayLike, NDArray

T = TypeVar("T")
_LEADING = "abdefghijklmnopqrsuvwtz"
"""Letters of axes without names before y and x, the innermost last."""


@dataclass(frozen=True)
class PlaneView:
    """A plane of a layer's data.

    Attributes
    ----------
    axes : (int, int)
        Data axes along the rows and along the columns, the earlier one first.
    position : tuple of int
        Index along every data axis; 0 along the two of the plane.
    channel_axis : int or None
        Data axis that holds channels.
    flat : int or None
        Axis that has length 1 for all channels, see `in_layers`.
    names : str
        Letters of the data axes, see `axis_letters`; empty where they have no names.
    """

    axes: tuple[int, int]
    position: tuple[int, ...]
    channel_axis: int | None = None
    flat: int | None = None
    names: str = ""

    @property
    def ndim(self) -> int:
        """Number of data axes."""
        return len(self.position)

    @property
    def others(self) -> tuple[int, ...]:
        """Data axes that are not of the plane."""
        return tuple(i for i in range(self.ndim) if i not in self.axes)

    def letters(self) -> str:
        """Axis letters as `open_image` takes them, without that of RGB.

        The two of the plane are y and x, whatever they are called; the others have
        their own letters, or z, t, ... where they have no names.
        """
        kept = [i for i in range(self.ndim) if i != self.channel_axis]
        named = "".join(self.names[i] for i in kept) if self.names else ""
        if "c" in named or not {"y", "x"} <= set(named):
            named = f"{_LEADING[len(_LEADING) - len(kept) + 2 :]}yx"
        y, x = (kept.index(axis) for axis in self.axes)
        found = list(Reslice(named, (y, x)).letters(named))
        if self.channel_axis is not None:
            found.insert(self.channel_axis, "c")
        return "".join(found)

    def leading(self, shape: Sequence[int]) -> list[int]:
        """Return the data axes with several slices, in order."""
        return [i for i in self.others if i != self.channel_axis and shape[i] > 1]

    def index(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the plane index that `Image` takes: without axes of length 1."""
        return tuple(self.position[i] for i in self.leading(shape))

    def to_plane(self, points: ArrayLike) -> NDArray[np.float64]:
        """Convert (n, ndim) data coordinates to (n, 2) on the plane."""
        array = np.asarray(points, np.float64).reshape(-1, self.ndim)
        return array[:, list(self.axes)]

    def to_data(self, points: ArrayLike) -> NDArray[np.float64]:
        """Convert (n, 2) plane coordinates to (n, ndim) data coordinates."""
        yx = np.asarray(points, np.float64).reshape(-1, 2)
        data = np.tile(np.array(self.position, np.float64), (len(yx), 1))
        data[:, list(self.axes)] = yx
        return data

    def holds(self, points: ArrayLike, ignore: Sequence[int] = ()) -> NDArray[np.bool_]:
        """Return which (n, ndim) data points lie on the plane, to the nearest slice."""
        array = np.asarray(points, np.float64).reshape(-1, self.ndim)
        axes = [i for i in self.others if i not in ignore]
        here = np.array([self.position[i] for i in axes])
        on: NDArray[np.bool_] = (np.floor(array[:, axes] + 0.5) == here).all(1)
        return on

    def window(self, bbox: Sequence[int]) -> tuple[int | slice, ...]:
        """Return the data index of a half-open plane box (y0, x0, y1, x1)."""
        key: list[int | slice] = list(self.position)
        key[self.axes[0]] = slice(bbox[0], bbox[2])
        key[self.axes[1]] = slice(bbox[1], bbox[3])
        return tuple(key)

    def moved(self, axis: int, step: int) -> PlaneView:
        """Return the plane that is a number of slices further along an axis."""
        position = list(self.position)
        position[axis] += step
        return replace(self, position=tuple(position))

    def last(self, ndim: int) -> PlaneView:
        """Return the same plane in data that have the last axes alone."""
        y, x = (axis + ndim - self.ndim for axis in self.axes)
        return PlaneView((y, x), self.position[self.ndim - ndim :])

    @property
    def in_layers(self) -> PlaneView:
        """Return the plane in layers of prompts and labels, which lie on all channels.

        These lack the channel axis if it is the first one. Else they have length 1
        along it, see `placement`: napari aligns the axes of layers from the last one
        on.
        """
        if self.channel_axis is None:
            return self
        if self.channel_axis == 0:
            return self._removed(0)
        position = list(self.position)
        position[self.channel_axis] = 0
        return PlaneView(self.axes, tuple(position), flat=self.channel_axis)

    def of_labels(self) -> PlaneView:
        """Return the plane in a session's labels, which have no channel axis."""
        return self if self.flat is None else self._removed(self.flat)

    @property
    def labels_plane(self) -> Plane:
        """The plane in a session's labels, as the session names it."""
        layer_view = self.in_layers.of_labels()
        return Plane(
            tuple(layer_view.position[i] for i in layer_view.others), layer_view.axes
        )

    def at_labels(self, index: Sequence[int]) -> PlaneView:
        """Return the plane of an image at an index of labels without its channels."""
        position = list(self.position)
        leading = (axis for axis in self.others if axis != self.channel_axis)
        for axis, at in zip(leading, index, strict=True):
            position[axis] = at
        return replace(self, position=tuple(position))

    def _removed(self, axis: int) -> PlaneView:
        y, x = (a - (a > axis) for a in self.axes)
        return PlaneView((y, x), without_axis(self.position, axis))


def layer_shape(layer: Layer) -> tuple[int, ...]:
    """Return the shape of a layer's data at full resolution, without colour samples."""
    data: Any = layer.data
    full = data[0] if getattr(layer, "multiscale", False) else data
    return tuple(int(n) for n in full.shape[: layer.ndim])


def shape_without(shape: Sequence[int], channel_axis: int | None) -> tuple[int, ...]:
    """Return the shape of layers on all channels; see `PlaneView.in_layers`."""
    if channel_axis is None:
        return tuple(shape)
    one = () if channel_axis == 0 else (1,)
    return (*shape[:channel_axis], *one, *shape[channel_axis + 1 :])


def without_axis(values: Sequence[T], axis: int | None) -> tuple[T, ...]:
    """Leave out the value of one axis: a session's labels have no channel axis."""
    return tuple(value for a, value in enumerate(values) if a != axis)


def shown_plane(dims: Dims, layer: Layer) -> PlaneView:
    """Return the plane of an Image or Labels layer that the viewer shows.

    Raises
    ------
    ImageError
        The view is 3D; the layer lacks one of the displayed axes; the slider is
        beyond the layer. The message says what to do.
    """
    if dims.ndisplay != 2:
        raise ImageError(
            "the view is 3D; switch to 2D (Ctrl+Y) to click on a slice of the image"
        )
    missing = dims.ndim - layer.ndim
    axes = sorted(d - missing for d in dims.displayed)
    if axes[0] < 0:
        raise ImageError(
            f"{layer.name} has {layer.ndim} axes and lacks one of those displayed; "
            "roll the axes (Ctrl+E) until its own are shown"
        )
    shape = layer_shape(layer)
    nearest = np.floor(to_data(layer, dims.point, dims) + 0.5).astype(int)
    position = [0 if i in axes else int(nearest[i]) for i in range(layer.ndim)]
    for i, (at, size) in enumerate(zip(position, shape, strict=True)):
        if not 0 <= at < size:
            raise ImageError(
                f"the slider of axis {i} is at {at}, {layer.name} has 0 to {size - 1}; "
                "move it onto the image"
            )
    return PlaneView((axes[0], axes[1]), tuple(position), names=axis_letters(layer))
