"""The slices along a slider, and the prompts on them. Runs on the main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.viewer.axis_names import place_left_out
from napari_hqsam.viewer.canvas.layer_placing import layer_space
from napari_hqsam.viewer.canvas.prompts.reader import current_prompt, plane_size
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis, check_several

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.viewer.canvas.scene import Scene


def axes_of(scene: Scene) -> list[int]:
    """Return the data axes with several slices, of the image as it is shown.

    Raises
    ------
    ImageError
        No plane of an image is shown.
    """
    view = scene.view()
    assert scene.image is not None
    return view.leading(layer_shape(scene.image))


def slice_axis_of(scene: Scene, axis: int | None) -> SliceAxis:
    """Return the slices along an axis; by default along the slider used last.

    Raises
    ------
    ImageError
        No plane is shown, or there is one slice.
    """
    view, axes = scene.view(), axes_of(scene)
    image = scene.image
    assert image is not None
    check_several(axes, image.name)
    if axis not in axes:
        dims = scene.viewer.dims
        last = dims.last_used - (dims.ndim - image.ndim)
        axis = last if last in axes else axes[-1]
    return SliceAxis(view, axis, layer_shape(image))


def spacing_of(scene: Scene, stack: SliceAxis) -> float:
    """Return the distance of slices over the size of a pixel, in world units.

    As the layer says, else its file. 1 where units do not compare, such as along time.
    """
    assert scene.image is not None
    space = place_left_out(scene.image) or layer_space(scene.image)
    y, x = stack.view.axes
    return space.spacing(space.axes[stack.axis], space.axes[y] + space.axes[x]) or 1.0


def own_prompts(scene: Scene, stack: SliceAxis) -> dict[int, Prompt]:
    """Return the prompts in the widget's own layers, one for each slice with any.

    Raises
    ------
    PromptError
        The prompt on a slice is not valid, or not on the image.
    """
    points, shapes, image = scene.points, scene.shapes, scene.image
    if points is None or shapes is None or image is None:
        return {}
    column = stack.layer_axis
    corners = [np.asarray(points.data).reshape(-1, points.ndim), *shapes.data]
    rows = np.concatenate([np.asarray(c, float)[:, column] for c in corners])
    found = {}
    for z in np.unique(np.floor(rows + 0.5).astype(int)).tolist():
        if 0 <= z < stack.count:
            try:
                prompt = current_prompt(points, shapes, stack.layer_view_of(z))
                if prompt is not None:
                    prompt.check_on(plane_size(image, stack.view))
                    found[z] = prompt
            except PromptError as error:
                raise PromptError(f"slice {z}: {error}") from error
    return found


def check_inside(slices: Collection[int], span: tuple[int, int]) -> None:
    """Raise PromptError if slices with prompts are not in the range."""
    outside = sorted(z for z in slices if not span[0] <= z < span[1])
    if outside:
        raise PromptError(
            f"slices {', '.join(map(str, outside))} have prompts and are not in the "
            f"range {span[0]} to {span[1] - 1}; widen the range, or remove the prompts"
        )
