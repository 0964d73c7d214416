"""The layer that outlines the current object, or the one under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.masks.outlines import outlines
from napari_hqsam.viewer.canvas.layer_placing import placement
from napari_hqsam.viewer.planes import layer_shape, shape_without

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image, Shapes
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_hqsam.masks import Mask
    from napari_hqsam.viewer.planes import PlaneView

OUTLINE = "HQ-SAM outline"
CURRENT_COLOUR, HOVER_COLOUR = "#f0e442", "#ffffff"
DASH, GAP = 5.0, 4.0
"""Lengths in the dashed outline of a uncertain mask, in line widths."""
MAX_DASHES = 80
"""Dashes of an outline; each is a shape, which napari is slow to make."""
OUTLINE_PIXELS = 2.0
"""Width of the outline on the screen."""


def add_outline(viewer: Viewer, image: Image, channel_axis: int | None) -> Shapes:
    """Add the layer for outlines."""
    layer = viewer.add_shapes(
        ndim=len(shape_without(layer_shape(image), channel_axis)),
        name=OUTLINE,
        edge_color=CURRENT_COLOUR,
        face_color="transparent",
        opacity=1.0,
        **placement(image, channel_axis, viewer.dims),
    )
    layer.editable = False
    return layer


def dashes(
    lines: Sequence[NDArray[np.float64]], dash: float, gap: float
) -> list[NDArray[np.float64]]:
    """Cut (n, 2) lines into dashes, longer ones where they would be too many."""
    lengths = [np.hypot(*np.diff(line, axis=0).T).cumsum() for line in lines]
    total = sum(float(length[-1]) for length in lengths)
    stretch = max(1.0, total / (MAX_DASHES * (dash + gap)))
    dash, gap = dash * stretch, gap * stretch
    cut = []
    for line, length in zip(lines, lengths, strict=True):
        along = np.concatenate([[0.0], length])
        for start in np.arange(0, along[-1], dash + gap):
            stop = min(start + dash, along[-1])
            within = along[(along > start) & (along < stop)]
            at = np.concatenate([[start], within, [stop]])
            cut.append(
                np.column_stack([np.interp(at, along, line[:, k]) for k in (0, 1)])
            )
    return cut


def show_outline(
    layer: Shapes,
    mask: Mask | None,
    view: PlaneView,
    colour: str,
    width: float,
    *,
    dashed: bool = False,
) -> None:
    """Show the outline of a mask in its layer, in place of the last one.

    Parameters
    ----------
    layer : Shapes
    mask : Mask or None
        None shows nothing.
    view : PlaneView
        Plane of the mask, in the data of the layer.
    colour : str
    width : float
        Width of the line, data pixels.
    dashed : bool
        For a uncertain mask.
    """
    drawn = [] if mask is None else outlines(mask.bbox, mask.data)
    if dashed:
        drawn = dashes(drawn, DASH * width, GAP * width)
    show_lines(layer, [view.to_data(line) for line in drawn], colour, width)


def show_lines(
    layer: Shapes, lines: Sequence[NDArray[np.float64]], colour: str, width: float
) -> None:
    """Show (n, ndim) lines in the data of the outline layer, in place of the last ones.

    Parameters
    ----------
    layer : Shapes
    lines : sequence of array
        An empty one shows nothing.
    colour : str
    width : float
        Of the lines, data pixels.
    """
    if not lines:
        show_nothing(layer)
        return
    # Each assignment makes napari draw the layer anew, so nothing is set twice.
    if not len(layer.data):
        layer.add_paths(lines, edge_color=colour, edge_width=width)
        return
    layer.data = [(line, "path") for line in lines]
    if not are_coloured(layer.edge_color, [colour] * len(lines)):
        layer.edge_color = colour
    if any(w != width for w in layer.edge_width):
        layer.edge_width = width


def are_coloured(rgba: NDArray[np.floating], colours: Sequence[str]) -> bool:
    """Whether rows of colours, 0 to 1, are those of hexadecimal names."""
    wanted = [list(bytes.fromhex(colour[1:])) for colour in colours]
    return bool(np.round(np.asarray(rgba)[:, :3] * 255).tolist() == wanted)


def show_nothing(layer: Shapes) -> None:
    """Remove the outline, if there is one."""
    if len(layer.data):
        layer.data = []
