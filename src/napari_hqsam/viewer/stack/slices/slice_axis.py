"""Slices of an image along one of its axes, in the orientation that is shown.

Pure geometry; knows neither napari nor networks. `geometry.StackAxis` has the axis
letters of an image file; this adds data axes, channel axes and layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_hqsam.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_hqsam.geometry import Box, Plane
    from napari_hqsam.viewer.planes import PlaneView


@dataclass(frozen=True)
class SliceAxis:
    """Slices of an image along one of its data axes.

    Attributes
    ----------
    view : PlaneView
        Any of the slices.
    axis : int
        Data axis along which the slices lie.
    shape : tuple of int
        Shape of the image's data.
    """

    view: PlaneView
    axis: int
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of slices."""
        return self.shape[self.axis]

    @property
    def z(self) -> int:
        """Slice of `view`."""
        return self.view.position[self.axis]

    @property
    def letter(self) -> str:
        """Letter of the axis in the image that is opened."""
        return self.view.letters()[self.axis]

    @property
    def leading(self) -> list[int]:
        """Data axes that the index of a slice covers."""
        return self.view.leading(self.shape)

    @property
    def fixed_index(self) -> dict[str, int]:
        """Index over the other leading axes, by letter."""
        letters = self.view.letters()
        return {
            letters[a]: self.view.position[a] for a in self.leading if a != self.axis
        }

    def has_same_slices(self, other: SliceAxis) -> bool:
        """Whether both have the same slices, whichever of them is `view`."""
        first, second = self.view_of(0), other.view_of(0)
        return replace(self, view=first) == replace(other, view=second)

    def view_of(self, z: int) -> PlaneView:
        """Return a slice as a plane of the image layer."""
        return self.view.moved(self.axis, z - self.z)

    def layer_view_of(self, z: int) -> PlaneView:
        """Return a slice as a plane of layers of prompts and labels."""
        return self.view_of(z).in_layers

    @property
    def layer_axis(self) -> int:
        """The axis in layers of prompts and labels."""
        return self.axis - (self.view.channel_axis == 0)

    @property
    def labels_axis(self) -> int:
        """The axis in the session's labels."""
        channel_axis = self.view.channel_axis
        return self.axis - (channel_axis is not None and channel_axis < self.axis)

    def plane(self, z: int) -> Plane:
        """Return a slice as a plane of the session's labels."""
        return self.layer_view_of(z).labels_plane

    def index(self, z: int) -> tuple[int, ...]:
        """Return the index of a slice in the image that is opened."""
        return self.view_of(z).index(self.shape)

    def slice_of_index(self, index: Sequence[int]) -> int:
        """Return which slice is at an index of the opened image."""
        return int(index[self.leading.index(self.axis)])

    def slice_of(self, plane: Plane) -> int | None:
        """Return which slice a plane of the labels is; None if it is none of them."""
        layer_view = self.layer_view_of(0).of_labels()
        if plane.axes != layer_view.axes:
            return None
        at = dict(zip(layer_view.others, plane.index, strict=True))
        z = at[self.labels_axis]
        return z if plane == self.plane(z) else None

    def slices_in(self, places: Iterable[tuple[Plane, Box]]) -> set[int]:
        """Return the slices that boxes on planes of the labels intersect.

        The planes may have any orientation.
        """
        layer_view, along = self.layer_view_of(0).of_labels(), self.labels_axis
        found: set[int] = set()
        for plane, (y0, x0, y1, x1) in places:
            at = iter(plane.index)
            spans = {plane.axes[0]: (y0, y1), plane.axes[1]: (x0, x1)}
            for axis in range(layer_view.ndim):
                if axis not in spans:
                    n = next(at)
                    spans[axis] = n, n + 1
            fixed = [a for a in layer_view.others if a != along]
            if all(spans[a][0] <= layer_view.position[a] < spans[a][1] for a in fixed):
                found.update(range(*spans[along]))
        return found


@dataclass(frozen=True)
class SinglePlane(SliceAxis):
    """The plane shown alone, of a plane or of a stack: its only slice is 0."""

    @classmethod
    def of(cls, view: PlaneView, shape: tuple[int, ...]) -> SinglePlane:
        """Take the plane that is shown; `axis` means nothing here."""
        return cls(view, -1, shape)

    @property
    def count(self) -> int:
        """Number of slices."""
        return 1

    @property
    def z(self) -> int:
        """The only slice."""
        return 0

    def view_of(self, z: int) -> PlaneView:
        """Return the plane."""
        return self.view

    def slice_of(self, plane: Plane) -> int | None:
        """Return 0 for the plane, None for any other."""
        return 0 if plane == self.plane(0) else None


def check_several(axes: Sequence[int], name: str) -> None:
    """Raise ImageError if an image has no axis with several slices."""
    if not axes:
        raise ImageError(
            f"{name} has one slice in this orientation; open a stack or a time "
            "series, or roll the axes (Ctrl+E)"
        )
