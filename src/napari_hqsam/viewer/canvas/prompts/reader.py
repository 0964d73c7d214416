"""Read prompts of a plane from layers: the widget's own, or any other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.prompts import Prompt, from_labels, from_shape
from napari_hqsam.viewer.canvas.layer_placing import (
    agree,
    layer_affine,
    transfer,
    without_channels,
)
from napari_hqsam.viewer.canvas.prompts.signs import are_positive
from napari_hqsam.viewer.planes import layer_shape, shown_plane

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from napari.components import Dims
    from napari.layers import Labels, Layer, Points, Shapes
    from numpy.typing import NDArray

    from napari_hqsam.viewer.planes import PlaneView


def current_prompt(
    points: Points,
    shapes: Shapes,
    view: PlaneView,
    skip: Container[tuple[float, ...]] = (),
) -> Prompt | None:
    """Join all that lies on a plane in the widget's own layers into one prompt.

    The last outline (rectangle, ellipse, polygon) is the box or mask; lines and
    paths are scribbles.

    Parameters
    ----------
    points, shapes : Points, Shapes
        Made by the widget: their data axes are those of `view`.
    view : PlaneView
    skip : container of tuple of float
        Positions of points that do not count.

    Returns
    -------
    Prompt or None
        None where the plane has no prompt, or only shapes without length.

    Raises
    ------
    PromptError
        The prompt is not valid; it has only negative points, for example.
    """
    clicks: list[tuple[float, float]] = []
    labels: list[int] = []
    for row, positive in zip(
        np.asarray(points.data), are_positive(points), strict=True
    ):
        if view.holds(row)[0] and tuple(row.tolist()) not in skip:
            clicks.append(_pair(view.to_plane(row)[0]))
            labels.append(int(positive))
    outline: Prompt | None = None
    for kind, vertices, positive in _shapes_on(shapes, view):
        shape = from_shape(kind, vertices)
        if shape.box is None:
            clicks += shape.points
            labels += [int(positive)] * len(shape.points)
        else:
            outline = shape
    if not clicks and outline is None:
        return None
    clicks, labels = _without_doubles(clicks, labels)
    if outline is None:
        return Prompt(clicks, labels)
    return Prompt(
        clicks, labels, outline.box, outline.mask, mask_offset=outline.mask_offset
    )


def is_on(shape: NDArray[Any], view: PlaneView) -> bool:
    """Whether all vertices of a shape lie on a plane."""
    return bool(view.holds(shape).all())


def _shapes_on(
    layer: Shapes, view: PlaneView
) -> Iterator[tuple[str, NDArray[np.float64], bool]]:
    """Yield kind, (n, 2) vertices and sign of shapes that have an extent."""
    shapes = zip(layer.data, layer.shape_type, are_positive(layer), strict=True)
    for vertices, kind, positive in shapes:
        if is_on(np.asarray(vertices), view):
            on_plane = view.to_plane(vertices)
            extent = np.ptp(on_plane, axis=0)
            if kind in ("line", "path") or extent.min() > 0:
                yield str(kind), on_plane, positive


def _without_doubles(
    clicks: list[tuple[float, float]], labels: list[int]
) -> tuple[list[tuple[float, float]], list[int]]:
    """Keep the last of several clicks at one position."""
    last = dict(zip(clicks, labels, strict=True))
    return list(last), list(last.values())


def _pair(point: NDArray[np.float64]) -> tuple[float, float]:
    return float(point[0]), float(point[1])


# --- batches ---------------------------------------------------------------


def layer_prompts(
    source: Layer, image: Layer, view: PlaneView, dims: Dims
) -> list[Prompt]:
    """Read one prompt per point, shape or label id of a layer: `prompt_source`."""
    return prompt_source(source, image, view, dims)()


def prompt_source(
    source: Layer, image: Layer, view: PlaneView, dims: Dims
) -> Callable[[], list[Prompt]]:
    """Return a function that reads the prompts of a layer, on any thread.

    Points and shapes are read at once; labels, which may take a second, by the
    function.

    Parameters
    ----------
    source : Points, Shapes or Labels
        Wherever it lies.
    image : Layer
        The image that will be segmented.
    view : PlaneView
        Plane of the image; what lies on other slices is left out.
    dims : Dims
        Dimensions of the viewer.

    Returns
    -------
    callable
        Gives a list of Prompt in plane coordinates of the image; raises PromptError
        if labels have nothing on this plane.

    Raises
    ------
    PromptError
        There is nothing on this plane, or the layer cannot be a source.
    """
    if hasattr(source, "selected_label"):
        read = _from_labels(source, image, view, dims)
        return lambda: _require_prompts(source, read())
    if hasattr(source, "shape_type"):
        prompts = _from_shapes(source, image, view, dims)
    elif hasattr(source, "symbol"):
        prompts = _from_points(source, image, view, dims)
    else:
        raise PromptError(
            f"{source.name} is no Points, Shapes or Labels layer; choose one"
        )
    _require_prompts(source, prompts)
    return lambda: prompts


def _require_prompts(source: Layer, prompts: list[Prompt]) -> list[Prompt]:
    """Return the prompts if there are any, else raise."""
    if not prompts:
        kind = type(source).__name__.lower()
        raise PromptError(
            f"{source.name} has nothing on the plane shown ({kind} layer); add to it, "
            "choose another layer, or in a stack move the slider to its slice"
        )
    return prompts


def _from_points(
    source: Points, image: Layer, view: PlaneView, dims: Dims
) -> list[Prompt]:
    """Make one prompt per positive point; the negative ones are shared by all."""
    if not len(source.data):
        return []
    rows = transfer(source.data, source, image, dims)
    on = view.holds(rows)
    plane = view.to_plane(rows)
    positive = np.array(are_positive(source))
    negatives = [_pair(p) for p in plane[on & ~positive]]
    shared = [0] * len(negatives)
    return [Prompt([_pair(p), *negatives], [1, *shared]) for p in plane[on & positive]]


def _from_shapes(
    source: Shapes, image: Layer, view: PlaneView, dims: Dims
) -> list[Prompt]:
    """Make one prompt per shape; those without length or area are left out."""
    if not len(source.data):
        return []
    # All at once: there may be thousands, and as many slices.
    size = plane_size(image, view)
    ends = np.cumsum([len(vertices) for vertices in source.data])
    every = transfer(np.concatenate(source.data), source, image, dims)
    prompts = []
    shapes = zip(np.split(every, ends[:-1]), source.shape_type, strict=True)
    for rows, kind in shapes:
        if is_on(rows, view):
            try:
                vertices = view.to_plane(rows)
                prompts.append(from_shape(str(kind), vertices, plane_shape=size))
            except PromptError:
                continue  # a line drawn by mistake must not stop all others
    return prompts


def _from_labels(
    source: Labels, image: Layer, view: PlaneView, dims: Dims
) -> Callable[[], list[Prompt]]:
    """Make one prompt per label id, from its mask; the ids are kept."""
    shown_plane(dims, source)  # raises where it lacks an axis that is displayed
    shape, whole = layer_shape(source), layer_shape(image)[-source.ndim :]
    layer_view, place = view.last(source.ndim), layer_affine(image).last(source.ndim)
    for axis in layer_view.others:  # one step for all channels, see `placement`
        if axis and shape[axis] == 1 < whole[axis]:
            flat = without_channels(place, axis, whole[axis])
            if agree(layer_affine(source), flat, shape):
                layer_view, place = (
                    replace(layer_view, channel_axis=axis).in_layers,
                    flat,
                )
    same_place = agree(layer_affine(source), place, shape)
    size = plane_size(source, layer_view)
    if size != plane_size(image, view) or not same_place:
        raise PromptError(
            f"{source.name} has {size[0]} x {size[1]} pixels on this plane or lies "
            f"elsewhere than {image.name}; choose labels that cover the image"
        )
    if any(layer_view.position[a] >= shape[a] for a in layer_view.others):
        return list
    data = source.data[0] if source.multiscale else source.data
    window = layer_view.window((0, 0, *size))
    return lambda: from_labels(np.asarray(data[window]), "mask")


def plane_size(layer: Layer, view: PlaneView) -> tuple[int, int]:
    """Return the height and width of a plane of a layer, pixels."""
    shape: Sequence[int] = layer_shape(layer)
    return shape[view.axes[0]], shape[view.axes[1]]
