"""The layers that prompts are drawn in: points, and shapes.

Like every layer that the widget makes, they have the scale, translation, rotation,
shear, affine, units and axis labels of the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.viewer.canvas.layer_placing import placement
from napari_hqsam.viewer.canvas.prompts.signs import COLOURS, POSITIVE, SIGN
from napari_hqsam.viewer.planes import layer_shape, shape_without

if TYPE_CHECKING:
    from napari.layers import Image, Points, Shapes
    from napari.viewer import Viewer

POINTS, SHAPES = "HQ-SAM points", "HQ-SAM shapes"
POINT_PIXELS, SHAPE_PIXELS = 14.0, 4.0
"""Size of a point and width of a drawn line on the screen."""


def load_layers() -> None:
    """Import what napari's first Points and Shapes layers need, on any thread.

    That is pandas and, to triangulate shapes, functions compiled by numba: a second
    of imports, during which the window would not respond.
    """
    from napari.layers import Points, Shapes

    Points(features={SIGN: np.array([], dtype=object)})
    Shapes()


def add_points(viewer: Viewer, image: Image, channel_axis: int | None) -> Points:
    """Add the layer for clicks."""
    ndim = len(shape_without(layer_shape(image), channel_axis))
    return viewer.add_points(
        np.empty((0, ndim)),
        ndim=ndim,
        name=POINTS,
        features={SIGN: np.array([], dtype=object)},
        feature_defaults={SIGN: POSITIVE},
        face_color=COLOURS[POSITIVE],
        border_color=COLOURS[POSITIVE],
        # Bounds only, also for screens with small pixels: `fit_prompts` sets the size.
        canvas_size_limits=(8, 40),
        **placement(image, channel_axis, viewer.dims),
    )


def add_shapes(viewer: Viewer, image: Image, channel_axis: int | None) -> Shapes:
    """Add the layer for boxes, outlines and scribbles."""
    return viewer.add_shapes(
        ndim=len(shape_without(layer_shape(image), channel_axis)),
        name=SHAPES,
        features={SIGN: np.array([], dtype=object)},
        feature_defaults={SIGN: POSITIVE},
        edge_color=COLOURS[POSITIVE],
        face_color="transparent",
        opacity=1.0,
        **placement(image, channel_axis, viewer.dims),
    )


def fit_prompts(points: Points, shapes: Shapes, zoom: float) -> None:
    """Give prompts the same size on the screen at any zoom.

    By their size in the data: where napari's size limits on the canvas apply, it draws
    the mark of a selected point so wide that it hides the point, and so its sign.

    Parameters
    ----------
    points, shapes : Points, Shapes
    zoom : float
        Screen pixels per data pixel.
    """
    size, width = POINT_PIXELS / zoom, SHAPE_PIXELS / zoom
    points.current_size = size
    if len(points.data):
        points.size = size
    shapes.current_edge_width = width
    if len(shapes.data):
        shapes.edge_width = width
