"""Prompts and masks in the session that objects are propagated from.

Reads as little of the labels as possible. `known_objects_on` and `boxes_on` read a
whole slice, and run on the worker's thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.geometry.boxes import EMPTY, around, index_in, is_empty
from napari_hqsam.masks.algebra import tight_box
from napari_hqsam.sessions.changes.patching import windows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, Plane
    from napari_hqsam.sessions.session import Session
    from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis
    from napari_hqsam.viewer.stack.slices.slice_results import SlicePrompt

BoxedMask = tuple[tuple[int, int, int, int], "NDArray[np.bool_]"]
"""Half-open box (y0, x0, y1, x1) of a plane, and the (h, w) bool mask in it."""


@dataclass(frozen=True, eq=False)
class KnownObject:
    """Prompts and masks that an object is propagated from.

    Attributes
    ----------
    prompts : mapping of int to SlicePrompt
        By slice.
    kept : mapping of int to BoxedMask
        Masks of slices that stay as they are.
    derived : collection of int
        Slices on which it was derived before.
    changed : collection of int or None
        Slices with a new prompt or mask: only what they can change is redone. None:
        all of them.
    """

    prompts: Mapping[int, SlicePrompt]
    kept: Mapping[int, BoxedMask] = field(default_factory=dict)
    derived: Collection[int] = ()
    changed: Collection[int] | None = None


def known_object(
    session: Session,
    label_id: int,
    stack: SliceAxis,
    span: tuple[int, int],
    prompts: Mapping[int, SlicePrompt],
    sources: Collection[int] | None,
    fixed: Mapping[int, Mapping[int, BoxedMask]] | None = None,
) -> KnownObject:
    """Collect what is known of an accepted object.

    Parameters
    ----------
    session, label_id, stack, span
        The object and the slices that may change.
    prompts : mapping of int to SlicePrompt
        New ones, by slice.
    sources : collection of int or None
        Slices that it was propagated from already; None: it was not, or unknown.
    fixed : mapping of int to mapping, optional
        As for `slices_by_hand`: slices that stay although it was derived there.

    Raises
    ------
    PromptError
        Nothing is known of it in the range.
    """
    kept = slices_by_hand(session, label_id, stack, span, fixed)
    inside = {*kept, *(z for z in prompts if span[0] <= z < span[1])}
    if not inside:
        raise PromptError(
            f"object {label_id} has no prompt and no slice made by hand in the range "
            f"{span[0]} to {span[1] - 1}; widen it, or prompt the object there"
        )
    derived = _derived_slices(session, label_id, stack)
    changed = None
    if derived and sources is not None:
        changed = {z for z in inside if z in prompts or z not in sources}
    elif derived and prompts:
        changed = set(prompts)
    kept = {z: crop for z, crop in kept.items() if z not in prompts}
    return KnownObject(dict(prompts), kept, derived, changed or None)


def known_objects_on(
    session: Session, stack: SliceAxis, span: tuple[int, int]
) -> dict[int, KnownObject]:
    """Collect what is known of the objects of the slice shown, by their ids.

    Raises
    ------
    PromptError
        There are none.
    """
    from napari_hqsam.masks.linking import masks_of

    plane = stack.plane(stack.z)
    array = session.target.array
    masks = masks_of(plane.read(array, (0, 0, *plane.size(array.shape))))
    if not masks:
        raise PromptError(
            f"no object is accepted on slice {stack.z}; go to a slice that has some"
        )
    fixed = {stack.z: {i: (mask.bbox, mask.data) for i, mask in masks.items()}}
    return {i: known_object(session, i, stack, span, {}, None, fixed) for i in masks}


def slices_by_hand(
    session: Session,
    label_id: int,
    stack: SliceAxis,
    span: tuple[int, int],
    fixed: Mapping[int, Mapping[int, BoxedMask]] | None = None,
) -> dict[int, BoxedMask]:
    """Return the slices of an object in a range that were prompted or made by hand.

    A slice that was cleared by hand counts as well, with an empty mask.

    Parameters
    ----------
    session, label_id, stack, span
        The object and the range.
    fixed : mapping of int to mapping, optional
        Masks by slice and object id, which count however they were made.
    """
    table = session.table
    derived = table.derived.get(label_id, {})
    planes = [
        *table.made.get(label_id, {}),
        *(p for p in derived if derived[p] is None),
    ]
    slices = {stack.slice_of(p) for p in planes} - {None}
    if not table.was_preexisting(label_id):
        slices |= stack.slices_in(table.places(label_id))
    given = fixed or {}
    slices.update(given)
    found = {}
    for z in sorted(z for z in slices if z is not None and span[0] <= z < span[1]):
        plane = stack.plane(z)
        if derived.get(plane) is not None and z not in given:
            continue
        crop = given[z][label_id] if z in given else _tight(session, label_id, plane)
        if crop[1].any():
            found[z] = crop
        elif plane in derived:
            found[z] = (0, 0, 0, 0), np.zeros((0, 0), bool)
    return found


def is_by_hand(session: Session, label_id: int, plane: Plane) -> bool:
    """Return whether an object on a plane was not derived there."""
    derived = session.table.derived.get(label_id, {})
    if derived.get(plane) is not None:
        return False
    return plane in derived or _has_pixels(session, label_id, plane)


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


def _tight(session: Session, label_id: int, plane: Plane) -> BoxedMask:
    """Return the pixels of an object on a plane in their bounding box."""
    box, pixels = session.pixels(label_id, plane)
    tight = tight_box(pixels, box[:2])
    if is_empty(tight):
        return EMPTY, np.zeros((0, 0), bool)
    return tight, pixels[index_in(tight, box)].copy()


def _derived_slices(
    session: Session, label_id: int, stack: SliceAxis
) -> frozenset[int]:
    """Return the slices on which an object was derived."""
    known = session.table.derived.get(label_id, {})
    slices = (stack.slice_of(p) for p, c in known.items() if c is not None)
    return frozenset(z for z in slices if z is not None)


def _has_pixels(session: Session, label_id: int, plane: Plane) -> bool:
    """Return whether an object has any pixel on a plane."""
    box = session.table.box_on(label_id, plane)
    if is_empty(box):
        return False
    return bool((plane.read(session.target.array, box) == label_id).any())
