"""Propagate objects through a stack, from prompted slices outward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.masks.mask import Mask
from napari_hqsam.segmentation.propagation.overlaps import check_taken
from napari_hqsam.segmentation.propagation.plan import (
    Direction,
    KnownSlices,
    as_objects,
    plan_propagation,
    plan_ranges,
)
from napari_hqsam.segmentation.propagation.prompt_transfer import PromptTransfer
from napari_hqsam.segmentation.propagation.propagator import Propagator
from napari_hqsam.segmentation.propagation.redo import (
    range_to_propagate,
    redone_slices,
)
from napari_hqsam.segmentation.propagation.result import StackObject, StackSlice
from napari_hqsam.segmentation.propagation.rules import StopRules
from napari_hqsam.segmentation.propagation.slice_step import StackOptions

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Unpack

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.options import OptionArgs
    from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter
    from napari_hqsam.segmentation.propagation.overlaps import TakenLabels


def iter_propagate(
    segmenter: PlaneSegmenter,
    objects: KnownSlices | Sequence[KnownSlices],
    *,
    axis: str | None = None,
    index: PlaneIndex = (),
    z_range: tuple[int, int] | None = None,
    direction: Direction = "both",
    taken: TakenLabels | None = None,
    spacing: float | None = None,
    rules: StopRules | None = None,
    transfer: PromptTransfer | None = None,
    cancel: threading.Event | Callable[[], bool] | None = None,
    **options: Unpack[OptionArgs],
) -> Iterator[StackSlice]:
    """Propagate objects through a stack; yield each slice once it is final.

    From the given slices outward, each slice is prompted with the masks of its
    neighbour: logits, box and points. Between two given slices both directions run,
    and their logits are blended by distance.

    Parameters
    ----------
    segmenter : PlaneSegmenter
        Segments planes of the image.
    objects : mapping, or sequence of mappings, of int to Prompt or Mask
        Prompts or masks of each object, by slice. A `Mask` is never changed; an
        empty one means that the object is absent from the slice.
    axis : str, optional
        Letter of the leading axis to propagate along; by default the last.
    index : mapping of str to int, or tuple of int
        Position along the other leading axes, such as ``{"t": 3}``. An int is
        accepted where there is exactly one.
    z_range : (start, stop), optional
        Half-open range of slices; by default all.
    direction : {"both", "forward", "backward"}
        Which way objects are propagated from their given slices.
    taken : array-like or callable, optional
        Existing labels: an array of shape (..., h, w) over the image's leading
        axes, or a callable (plane position, (y0, x0, y1, x1)) -> (h, w) array.
        Pixels with an id are left to it. Only regions under masks are read.
    spacing : float, optional
        Distance between slices in pixels of the plane. By default from the image's
        metadata, else 1.
    rules : StopRules, optional
        When an object ends.
    transfer : PromptTransfer, optional
        Which prompts a mask gives on the next slice.
    cancel : threading.Event or callable, optional
        Checked before each slice; once set, or True, the iteration ends.
    **options
        Fields of `SegmentOptions`.

    Returns
    -------
    iterator of StackSlice
        Each slice of the range at most once, in the order in which they become
        final; without slices that no object reached.

    Raises
    ------
    PromptError
        A prompt, range, direction, spacing, level or output is invalid; raised
        before anything is computed.
    ImageError
        The image cannot be read; `taken` has another shape.
    """
    many = as_objects(objects)
    plan = plan_propagation(
        segmenter.image,
        many,
        axis=axis,
        index=index,
        z_range=z_range,
        direction=direction,
        spacing=spacing,
    )
    stack_options = StackOptions(
        spacing=plan.spacing,
        rules=(rules or StopRules()).for_model(segmenter.model.tuning),
        transfer=(transfer or PromptTransfer()).for_model(segmenter.model.tuning),
        taken=taken,
        **options,
    )
    check_taken(taken, segmenter.image)
    for slices in many:
        for given in slices.values():
            if not isinstance(given, Mask):
                given.check_on(segmenter.image.plane_shape)
    propagator = Propagator(
        segmenter,
        many,
        plan.stack,
        stack_options.for_model(segmenter.model),
        _check_of(cancel),
        both_ways=plan.forward and plan.backward,
    )
    return propagator.slices(
        plan_ranges(many, plan.span, forward=plan.forward, backward=plan.backward)
    )


def propagate(
    segmenter: PlaneSegmenter,
    objects: KnownSlices | Sequence[KnownSlices],
    **options: Any,  # noqa: ANN401 - those of `iter_propagate`
) -> list[StackObject]:
    """Propagate objects through a stack.

    Parameters and errors as for `iter_propagate`.

    Returns
    -------
    list of StackObject
        One for each object; if cancelled, with the slices that were final.
    """
    return collect(
        iter_propagate(segmenter, objects, **options), len(as_objects(objects))
    )


def collect(slices: Iterator[StackSlice], count: int) -> list[StackObject]:
    """Group slices, in any order, by object.

    Parameters
    ----------
    slices : iterator of StackSlice
    count : int
        Number of objects.

    Returns
    -------
    list of StackObject
        By the number of the object, slices ascending.
    """
    found = [StackObject() for _ in range(count)]
    for each in slices:
        for i, mask in each.objects.items():
            found[i].slices[each.z] = mask
        for i, reason in each.ended.items():
            found[i].ended[each.z] = reason
    return [
        StackObject(dict(sorted(f.slices.items())), dict(sorted(f.ended.items())))
        for f in found
    ]


def revise(
    segmenter: PlaneSegmenter,
    found: StackObject,
    z: int,
    given: Prompt | Mask,
    *,
    z_range: tuple[int, int],
    direction: Direction = "both",
    **options: Any,  # noqa: ANN401 - those of `iter_propagate`
) -> StackObject:
    """Propagate an object again from a new prompt, where that can change it.

    Parameters
    ----------
    segmenter : PlaneSegmenter
    found : StackObject
        An earlier result; not modified.
    z : int
        Slice of the new prompt.
    given : Prompt or Mask
        The complete prompt of the object there; replaces an earlier one.
    z_range : (start, stop)
        Half-open: slices that may change.
    direction, options
        As for `iter_propagate`. Pass other objects as `taken`.

    Returns
    -------
    StackObject
        Outside `affected_range` with the same slices as `found`.
    """
    fixed: dict[int, Prompt | Mask] = {**found.fixed, z: given}
    redone = redone_slices(fixed, [z], (), z_range, direction)
    start, stop = range_to_propagate(redone, [fixed], z_range)
    near = {at: each for at, each in fixed.items() if start <= at < stop}
    (new,) = propagate(
        segmenter, near, z_range=(start, stop), direction=direction, **options
    )
    slices = {at: s for at, s in found.slices.items() if at not in redone}
    ended = {at: r for at, r in found.ended.items() if at not in redone}
    slices |= {at: s for at, s in new.slices.items() if at in redone}
    ended |= {at: r for at, r in new.ended.items() if at in redone}
    return StackObject(dict(sorted(slices.items())), dict(sorted(ended.items())))


def _check_of(
    cancel: threading.Event | Callable[[], bool] | None,
) -> Callable[[], bool]:
    """Return a callable that tells whether the caller has cancelled."""
    if cancel is None:
        return lambda: False
    return cancel if callable(cancel) else cancel.is_set
