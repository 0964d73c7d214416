"""The part of an image that the canvas shows, and its zoom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.viewer.canvas.layer_placing import world_affine
from napari_hqsam.viewer.world import to_data

if TYPE_CHECKING:
    from napari.components import Camera
    from napari.layers import Image
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_hqsam.viewer.planes import PlaneView

_CANVAS = 600, 800
"""Height and width of the canvas, screen pixels, where napari has none."""


class Viewport:
    """Zoom and centre of the canvas, in the data of an image.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def pixel_size(self, image: Image, view: PlaneView) -> float:
        """Return the number of screen pixels per data pixel."""
        linear = world_affine(image, self._viewer.dims).matrix
        sides = [float(np.linalg.norm(linear[:, axis])) for axis in view.axes]
        return max(float(camera(self._viewer).zoom) * sum(sides) / 2, 1e-9)

    def middle(self, image: Image, view: PlaneView) -> NDArray[np.float64]:
        """Return the middle of the canvas in (ndim,) data coordinates."""
        world = np.array(self._viewer.dims.point, float)
        shown = list(self._viewer.dims.displayed)
        world[shown] = camera(self._viewer).center[-len(shown) :]
        return to_data(image, world.tolist(), self._viewer.dims)

    def extent(self, image: Image, view: PlaneView) -> float:
        """Return the longer side of the canvas, data pixels."""
        canvas = getattr(self._viewer, "canvas", None)
        size = getattr(canvas, "size", _CANVAS)
        return max(size) / self.pixel_size(image, view)

    def part(
        self, image: Image, view: PlaneView, size: tuple[int, int]
    ) -> tuple[int, int, int, int]:
        """Return the box (y0, x0, y1, x1) of a plane that the canvas shows."""
        y, x = view.to_plane(self.middle(image, view))[0]
        reach = self.extent(image, view) / 2
        y0, x0 = (
            int(np.clip(v - reach, 0, n - 1)) for v, n in zip((y, x), size, strict=True)
        )
        y1, x1 = (
            int(np.clip(v + reach, 1, n)) for v, n in zip((y, x), size, strict=True)
        )
        return y0, x0, max(y1, y0 + 1), max(x1, x0 + 1)


def camera(viewer: Viewer) -> Camera:
    """Return the camera of a viewer, in any version of napari."""
    found: Camera = getattr(viewer, "scene", viewer).camera
    return found
