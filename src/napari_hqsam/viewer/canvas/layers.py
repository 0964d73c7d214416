"""The layers that the widget makes, and where they lie.

Every one takes over the place of the image: scale, translation, rotation,
shear, affine, units and axis labels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.images.memory import check_fits
from napari_hqsam.masks.outlines import outlines
from napari_hqsam.viewer.canvas.planes import layer_shape, shape_without, without_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image, Labels, Layer, Points, Shapes
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_hqsam.masks import Mask
    from napari_hqsam.viewer.canvas.planes import PlaneView

POINTS, SHAPES = "HQ-SAM points", "HQ-SAM shapes"
OUTLINE, TARGET = "HQ-SAM outline", "HQ-SAM labels"
SIGN = "sign"
POSITIVE, NEGATIVE = "positive", "negative"
# Okabe and Ito's palette: told apart by the colour-blind; the symbols help too.
# Neither is like the blue that napari draws round what is selected.
COLOURS = {POSITIVE: "#009e73", NEGATIVE: "#d55e00"}
SYMBOLS = {POSITIVE: "disc", NEGATIVE: "x"}
CURRENT_COLOUR, HOVER_COLOUR = "#f0e442", "#ffffff"
DASH, GAP = 5.0, 4.0
"""Of the dashed outline of a doubtful mask, in widths of the line."""
MAX_DASHES = 80
"""Dashes of an outline; each is a shape, which napari is slow to make."""
OUTLINE_PIXELS = 2.0
"""Width of the outline on the screen."""
POINT_PIXELS, SHAPE_PIXELS = 14.0, 4.0
"""Size of a point and width of a drawn line on the screen."""


def placement(image: Layer, channel_axis: int | None = None) -> dict[str, Any]:
    """Keywords that put another layer where a layer lies.

    Parameters
    ----------
    image : Layer
    channel_axis : int, optional
        The other layer lacks this axis if it is the first one. Else it has one step
        there, which lies on all channels: so it is seen whatever channel is shown.
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
        "axis_labels": tuple(image.axis_labels)[keep],
    }


def load_layers() -> None:
    """Load what napari's first Points and Shapes layers need, on any thread.

    That is pandas and, for the triangles of shapes, functions compiled by numba:
    a second of imports, during which the window would not answer.
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
        # A guard alone, see `fit_prompts`; of a screen with small pixels too.
        canvas_size_limits=(8, 40),
        **placement(image, channel_axis),
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
        **placement(image, channel_axis),
    )


def fit_prompts(points: Points, shapes: Shapes, zoom: float) -> None:
    """Give prompts the same size on the screen at any zoom.

    By the data: where the limits of the canvas cut a size, napari draws what marks
    a selected point so wide that the point, and with it its sign, is hidden.

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


def add_outline(viewer: Viewer, image: Image, channel_axis: int | None) -> Shapes:
    """Add the layer that previews the current object."""
    layer = viewer.add_shapes(
        ndim=len(shape_without(layer_shape(image), channel_axis)),
        name=OUTLINE,
        edge_color=CURRENT_COLOUR,
        face_color="transparent",
        opacity=1.0,
        **placement(image, channel_axis),
    )
    layer.editable = False
    return layer


def empty_labels(shape: tuple[int, ...]) -> NDArray[np.uint32]:
    """Make labels without objects, in memory.

    Raises
    ------
    ImageError
        They would not fit.
    """
    check_fits(
        math.prod(shape) * 4,
        f"labels of shape {shape}",
        "open a zarr array of this shape as Labels layer and choose it as target, or "
        "crop the image",
    )
    return np.zeros(shape, np.uint32)


def add_target(viewer: Viewer, image: Image, channel_axis: int | None) -> Labels:
    """Add an empty Labels layer as large as the image.

    Raises
    ------
    ImageError
        It would not fit in memory.
    """
    labels = empty_labels(shape_without(layer_shape(image), channel_axis))
    return _add_below(viewer, image, channel_axis, labels, f"{image.name} labels")


def add_restored(
    viewer: Viewer,
    image: Image,
    channel_axis: int | None,
    labels: NDArray[Any],
    name: str,
) -> Labels:
    """Add a Labels layer with what a session had.

    Raises
    ------
    ImageError
        It is of another shape than the image.
    """
    shape = without_axis(layer_shape(image), channel_axis)
    if labels.shape != shape:
        raise ImageError(
            f"the session is on labels of shape {labels.shape}, {image.name} needs "
            f"{shape}; choose the image that it was made on"
        )
    if channel_axis:
        labels = np.expand_dims(labels, channel_axis)
    return _add_below(viewer, image, channel_axis, labels, name)


def lacks_step(layer: Layer, image: Image, channel_axis: int | None) -> bool:
    """Whether labels lack but the one step that they need to lie on all channels."""
    if not channel_axis:
        return False
    return layer_shape(layer) == without_axis(layer_shape(image), channel_axis)


def as_labels(
    viewer: Viewer, layer: Layer, image: Image, channel_axis: int | None
) -> Labels:
    """Return a Labels layer for the labels of an image that a layer shows.

    It takes the place of the layer where that is an Image layer, or lacks an axis
    that labels of the image need, see `placement`.
    """
    from napari.layers import Labels
    from napari.layers._source import layer_source

    lacks = lacks_step(layer, image, channel_axis)
    if isinstance(layer, Labels) and not lacks:
        return layer
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    labels = np.asarray(data)
    whole = labels if labels.dtype.kind in "iu" else labels.astype(np.uint32)
    if lacks:
        whole = np.expand_dims(whole, channel_axis or 0)
    source = layer.source
    with layer_source(path=source.path, reader_plugin=source.reader_plugin):
        made = Labels(whole, name=layer.name)
    for name, value in placement(image, channel_axis).items():
        setattr(made, name, value)
    at = viewer.layers.index(layer)
    viewer.layers.remove(layer)
    viewer.layers.insert(at, made)
    return made


def _add_below(
    viewer: Viewer,
    image: Image,
    channel_axis: int | None,
    labels: NDArray[Any],
    name: str,
) -> Labels:
    """Add labels below the prompts, without taking the tool out of the hand."""
    active = viewer.layers.selection.active
    layer = viewer.add_labels(labels, name=name, **placement(image, channel_axis))
    viewer.layers.move(viewer.layers.index(layer), viewer.layers.index(image) + 1)
    viewer.layers.selection.active = active
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
    """Show the outline of a mask in the preview layer, in place of the last one.

    Parameters
    ----------
    layer : Shapes
    mask : Mask or None
        None shows nothing.
    view : PlaneView
        Plane of the mask, in the data of the preview layer.
    colour : str
    width : float
        Of the line, data pixels.
    dashed : bool
        For a doubtful mask.
    """
    drawn = [] if mask is None else outlines(mask.bbox, mask.data)
    if dashed:
        drawn = dashes(drawn, DASH * width, GAP * width)
    lines = [view.to_data(line) for line in drawn]
    if not lines:
        show_nothing(layer)
        return
    # Each change makes napari draw the layer anew, so nothing is set twice.
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
    """Take the outline away, if there is one."""
    if len(layer.data):
        layer.data = []
