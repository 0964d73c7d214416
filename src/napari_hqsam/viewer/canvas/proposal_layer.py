"""The layer that outlines proposals: one Image layer, drawn from masks as it is read.

A pixel of an outline has the grade of its proposal's quality, all others are 0. Which
qualities are shown is the layer's contrast limit, so a change of it draws nothing anew,
on a plane of any size. A Labels layer with `contour` computes all outlines again then:
13 s for 8192 x 8192 pixels with napari 0.9.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.geometry.boxes import index_in
from napari_hqsam.viewer.canvas.layer_placing import placement
from napari_hqsam.viewer.planes import layer_shape, shape_without

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image, Layer
    from napari.utils.colormaps import Colormap
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_hqsam.masks.layered import LayeredMasks
    from napari_hqsam.viewer.planes import PlaneView

PROPOSALS = "HQ-SAM proposals"
COLOUR = "#56b4e9"
STEPS = 100
"""Grades of quality that can be told apart: the steps of the slider."""
COARSEST = 512
"""Longer side of the coarsest level, pixels."""
KEPT = 2**22
"""Pixels of the largest level that is kept once it was drawn."""
_OURS = "napari-hqsam"


def grade(quality: float) -> int:
    """Return the grade of a quality 0..1: 1 to `STEPS` + 1."""
    return 1 + int(min(max(quality, 0.0), 1.0) * STEPS + 1e-6)


def is_proposals(layer: Layer) -> bool:
    """Whether a layer outlines proposals."""
    return bool(layer.metadata.get(_OURS) == PROPOSALS)


class OutlineLevel:
    """Outlines of masks at one level, as an array that is drawn where it is read.

    So its lines are about one screen pixel wide, however large the plane.

    Parameters
    ----------
    masks : LayeredMasks
    grades : (n + 1,) uint8 array
        Value of the outline of each mask, behind a 0.
    shape : sequence of int
        Of the plane at level 0 in its layer: 1 along axes that it does not lie in.
    axes : (int, int)
        Axes of the plane.
    step : int
        Pixels of level 0 per pixel.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        masks: LayeredMasks[Any],
        grades: NDArray[np.uint8],
        shape: Sequence[int],
        axes: tuple[int, int],
        step: int,
    ) -> None:
        self._masks, self._grades, self._axes, self._step = masks, grades, axes, step
        self.shape = tuple(
            ceil(n / step) if axis in axes else 1 for axis, n in enumerate(shape)
        )
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))
        self._kept: NDArray[np.uint8] | None = None

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:  # noqa: ANN401 - as of numpy
        """Return a part of it, as numpy does for ints and slices."""
        key = key if isinstance(key, tuple) else (key,)
        key = (*key, *[slice(None)] * (self.ndim - len(key)))
        spans: list[tuple[int, int]] = []
        rest: list[int | slice] = []
        for part, n in zip(key, self.shape, strict=True):
            if isinstance(part, slice):
                start, stop, stride = part.indices(n)
                spans.append((start, max(stop, start)))
                rest.append(slice(None, None, stride))
            else:
                spans.append((int(part), int(part) + 1))
                rest.append(0)
        (y0, y1), (x0, x1) = (spans[axis] for axis in self._axes)
        drawn = self._part((y0, x0, y1, x1))
        sizes = [stop - start for start, stop in spans]
        return drawn.reshape(sizes)[tuple(rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: ANN401
        """Return all of it."""
        return np.asarray(self[()], dtype)

    def _part(self, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
        """Return a box of it, drawn now or kept."""
        height, width = (self.shape[axis] for axis in self._axes)
        whole = 0, 0, height, width
        if self.size > KEPT:
            return self._draw(box, whole)
        if self._kept is None:
            self._kept = self._draw(whole, whole)
        return self._kept[index_in(box, whole)]

    def _draw(
        self, box: tuple[int, int, int, int], whole: tuple[int, int, int, int]
    ) -> NDArray[np.uint8]:
        """Draw the pixels of masks in a box that differ from a neighbour's."""
        y0, x0 = max(box[0] - 1, 0), max(box[1] - 1, 0)
        y1, x1 = min(box[2] + 1, whole[2]), min(box[3] + 1, whole[3])
        step = self._step
        window = y0 * step, x0 * step, y1 * step, x1 * step
        numbers = self._masks.numbers(window, step)
        rows, columns = np.diff(numbers, axis=0) != 0, np.diff(numbers, axis=1) != 0
        edge = np.zeros(numbers.shape, bool)
        edge[1:] |= rows
        edge[:-1] |= rows
        edge[:, 1:] |= columns
        edge[:, :-1] |= columns
        drawn = np.where(edge, self._grades[numbers], self.dtype.type(0))
        return drawn[index_in(box, (y0, x0, y1, x1))]


class ProposalLayer:
    """The layer, made when there is something to show.

    Parameters
    ----------
    viewer : Viewer

    Attributes
    ----------
    layer : Image or None
    masks : LayeredMasks or None
        Those that it shows.
    view : PlaneView or None
        Their plane, in layers on the image.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.layer: Image | None = None
        self.masks: LayeredMasks[Any] | None = None
        self.view: PlaneView | None = None
        self._limits = 0.0, 1.0

    @property
    def is_active(self) -> bool:
        """Whether the mouse works on it."""
        active = self._viewer.layers.selection.active
        return self.layer is not None and active == self.layer

    def show(
        self,
        image: Image,
        channel_axis: int | None,
        view: PlaneView,
        masks: LayeredMasks[Any],
        qualities: Sequence[float],
    ) -> bool:
        """Show masks in place of those before; return whether the layer is new.

        Parameters
        ----------
        image : Image
        channel_axis : int or None
            Of the image.
        view : PlaneView
            The plane, in layers on the image.
        masks : LayeredMasks
        qualities : sequence of float
            Of each.
        """
        full = shape_without(layer_shape(image), channel_axis)
        grades = np.array([0, *map(grade, qualities)], np.uint8)
        steps = [1]
        while max(full[axis] for axis in view.axes) > COARSEST * steps[-1]:
            steps.append(2 * steps[-1])
        levels = [OutlineLevel(masks, grades, full, view.axes, s) for s in steps]
        is_new = self.layer is None
        if self.layer is None:
            self.layer = self._make(levels)
        else:
            self.layer.data = levels
        self.masks = masks
        if is_new or view != self.view:
            self.view = view
            self.move_onto(image, channel_axis)
        return is_new

    def show_from(self, least: float) -> None:
        """Show the outlines of a quality and above; draws nothing anew."""
        self._limits = grade(least) - 1.0, float(grade(least))
        if self.layer is not None:
            self.layer.contrast_limits = self._limits

    def move_onto(self, image: Image, channel_axis: int | None) -> None:
        """Place the layer on its plane of the image."""
        layer, view = self.layer, self.view
        if layer is None or view is None:
            return
        for name, value in placement(image, channel_axis, self._viewer.dims).items():
            setattr(layer, name, value)
        corner = np.zeros(layer.ndim)
        first = np.asarray(layer.data_to_world(corner))
        corner[:] = view.position
        here = np.asarray(layer.data_to_world(corner))
        layer.translate = np.asarray(layer.translate) + here - first

    def forget(self, layer: Layer) -> bool:
        """Drop the reference to the layer if it was removed; False: another one was."""
        if self.layer is None or layer != self.layer:
            return False
        self.layer = None
        return True

    def _make(self, levels: Sequence[OutlineLevel]) -> Image:
        """Add the layer below those of prompts; the active layer stays."""
        layers = self._viewer.layers
        active = layers.selection.active
        layer: Image = self._viewer.add_image(
            levels,
            multiscale=True,
            name=PROPOSALS,
            colormap=_colormap(),
            contrast_limits=self._limits,
            blending="translucent",
            metadata={_OURS: PROPOSALS},
        )
        layer.contrast_limits_range = 0, grade(1.0)  # else each change emits two
        layers.selection.active = active
        return layer


def _colormap() -> Colormap:
    """Make a colormap that is transparent up to half of its range."""
    from napari.utils.colormaps import Colormap

    rgb = [part / 255 for part in bytes.fromhex(COLOUR[1:])]
    return Colormap(
        [(*rgb, 0.0), (*rgb, 1.0)],
        name=PROPOSALS,
        interpolation="zero",
        controls=[0.0, 0.5, 1.0],
    )
