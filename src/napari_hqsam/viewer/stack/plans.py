"""From what lies in the viewer and in the labels to objects of a stack.

Runs on the main thread, and reads no more of the labels than it must; `accepted_on`
and `boxes_on` read a whole slice, on the worker's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.geometry.boxes import EMPTY, around, index_in, is_empty
from napari_hqsam.masks.algebra import tight_box
from napari_hqsam.sessions.patches import windows
from napari_hqsam.viewer.canvas.placing import Placing
from napari_hqsam.viewer.canvas.prompt_reader import current_prompt, plane_size
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.stack.stack_axis import Walk, check_walkable, spacing
from napari_hqsam.viewer.stack.work import Said

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from napari_hqsam.geometry import Box, Plane
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.stack.work import Asked, Crop


def axes_of(scene: Scene) -> list[int]:
    """Return the data axes of the image that can be walked along as it is shown.

    Raises
    ------
    ImageError
        No plane of an image is shown.
    """
    view = scene.view()
    assert scene.image is not None
    return view.leading(layer_shape(scene.image))


def walk_of(scene: Scene, axis: int | None) -> Walk:
    """Slices along an axis; by default along the slider that was used last.

    Raises
    ------
    ImageError
        No plane is shown, or there is one slice.
    """
    view, axes = scene.view(), axes_of(scene)
    image = scene.image
    assert image is not None
    check_walkable(axes, image.name)
    if axis not in axes:
        dims = scene.viewer.dims
        last = dims.last_used - (dims.ndim - image.ndim)
        axis = last if last in axes else axes[-1]
    return Walk(view, axis, layer_shape(image))


def spacing_of(scene: Scene, walk: Walk) -> float:
    """Distance of slices over the size of a pixel, as the layer lies in the world."""
    image = scene.image
    assert image is not None
    units = [str(image.units[a]) for a in (walk.axis, *walk.view.axes)]
    if len(set(units)) > 1:  # such as time
        return 1.0
    linear = Placing.of(image).linear
    sizes = [float(np.linalg.norm(column)) for column in linear.T]
    return spacing(sizes, walk.axis, walk.view.axes)


def own_prompts(scene: Scene, walk: Walk) -> dict[int, Prompt]:
    """Prompts in the widget's own layers, one for each slice that has any.

    Raises
    ------
    PromptError
        What lies on a slice is no prompt, or not on the image.
    """
    points, shapes, image = scene.points, scene.shapes, scene.image
    if points is None or shapes is None or image is None:
        return {}
    column = walk.own_axis
    corners = [np.asarray(points.data).reshape(-1, points.ndim), *shapes.data]
    rows = np.concatenate([np.asarray(c, float)[:, column] for c in corners])
    found = {}
    for z in np.unique(np.floor(rows + 0.5).astype(int)).tolist():
        if 0 <= z < walk.count:
            try:
                prompt = current_prompt(points, shapes, walk.own(z))
                if prompt is not None:
                    prompt.check_on(plane_size(image, walk.view))
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


def by_hand(
    session: Session,
    label_id: int,
    walk: Walk,
    span: tuple[int, int],
    there: Mapping[int, Mapping[int, Crop]] | None = None,
) -> dict[int, Crop]:
    """Return the slices of an object in a range that were prompted or made by hand.

    What was cleared by hand counts as well: the object is not there. Slices whose
    objects are given as they are `there`, by their ids, count however they came to
    be.
    """
    table = session.table
    derived = table.derived.get(label_id, {})
    planes = [
        *table.made.get(label_id, {}),
        *(p for p in derived if derived[p] is None),
    ]
    slices = {walk.slice_of(p) for p in planes} - {None}
    if not table.was_found(label_id):
        slices |= walk.slices_in(table.places(label_id))
    given = there or {}
    slices.update(given)
    found = {}
    for z in sorted(z for z in slices if z is not None and span[0] <= z < span[1]):
        plane = walk.plane(z)
        if derived.get(plane) is not None and z not in given:
            continue
        crop = given[z][label_id] if z in given else _tight(session, label_id, plane)
        if crop[1].any():
            found[z] = crop
        elif plane in derived:
            found[z] = (0, 0, 0, 0), np.zeros((0, 0), bool)
    return found


def _tight(session: Session, label_id: int, plane: Plane) -> Crop:
    """Pixels of an object on a plane, in the smallest box that holds them."""
    box, pixels = session.pixels(label_id, plane)
    tight = tight_box(pixels, box[:2])
    if is_empty(tight):
        return EMPTY, np.zeros((0, 0), bool)
    return tight, pixels[index_in(tight, box)].copy()


def derived_slices(session: Session, label_id: int, walk: Walk) -> dict[int, float]:
    """Confidence on each slice on which an object was derived."""
    known = session.table.derived.get(label_id, {})
    slices = {walk.slice_of(p): c for p, c in known.items() if c is not None}
    return {z: c for z, c in sorted(slices.items(), key=str) if z is not None}


def has_pixels(session: Session, label_id: int, plane: Plane) -> bool:
    """Whether an object has any pixel on a plane."""
    box = session.table.box_on(label_id, plane)
    if box[0] >= box[2] or box[1] >= box[3]:
        return False
    return bool((plane.read(session.target.array, box) == label_id).any())


def said_of(
    session: Session,
    label_id: int,
    walk: Walk,
    span: tuple[int, int],
    prompts: Mapping[int, Asked],
    known: Collection[int] | None,
    there: Mapping[int, Mapping[int, Crop]] | None = None,
) -> Said:
    """Put together what is known of an accepted object.

    Parameters
    ----------
    session, label_id, walk, span
        The object and the slices that may change.
    prompts : mapping of int to Asked
        New ones, by slice.
    known : collection of int or None
        Slices that it was followed from already; None: it was not, or nobody knows.
    there : mapping of int to mapping, optional
        As for `by_hand`: slices that stay as they are although it was followed there.

    Raises
    ------
    PromptError
        Nothing is known of it in the range.
    """
    kept = by_hand(session, label_id, walk, span, there)
    inside = {*kept, *(z for z in prompts if span[0] <= z < span[1])}
    if not inside:
        raise PromptError(
            f"object {label_id} has no prompt and no slice made by hand in the range "
            f"{span[0]} to {span[1] - 1}; widen it, or prompt the object there"
        )
    derived = derived_slices(session, label_id, walk)
    news = None
    if derived and known is not None:
        news = {z for z in inside if z in prompts or z not in known}
    elif derived and prompts:
        news = set(prompts)
    kept = {z: crop for z, crop in kept.items() if z not in prompts}
    return Said(dict(prompts), kept, frozenset(derived), news or None)


def boxes_on(labels: Any, plane: Plane) -> dict[int, Box]:  # noqa: ANN401
    """Return the box of each object on a slice of labels, read window by window."""
    from napari_hqsam.masks.linking import masks_of

    found: dict[int, Box] = {}
    for window in windows(labels, plane, (0, 0, *plane.size(labels.shape))):
        top, left, _, _ = window
        for label_id, mask in masks_of(plane.read(labels, window)).items():
            y0, x0, y1, x1 = mask.bbox
            box = (top + y0, left + x0, top + y1, left + x1)
            found[label_id] = around(found.get(label_id, box), box)
    return found


def accepted_on(session: Session, walk: Walk, span: tuple[int, int]) -> dict[int, Said]:
    """Put together what is known of the objects of the slice shown, by their ids.

    Raises
    ------
    PromptError
        There are none.
    """
    from napari_hqsam.masks.linking import masks_of

    plane = walk.plane(walk.z)
    array = session.target.array
    masks = masks_of(plane.read(array, (0, 0, *plane.size(array.shape))))
    if not masks:
        raise PromptError(
            f"no object is accepted on slice {walk.z}; go to a slice that has some"
        )
    there = {walk.z: {i: (mask.bbox, mask.data) for i, mask in masks.items()}}
    return {i: said_of(session, i, walk, span, {}, None, there) for i in masks}
