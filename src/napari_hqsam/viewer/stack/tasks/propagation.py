"""Propagate objects through slices, for the two tasks that do so.

Runs on the worker's thread, and imports torch only there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_hqsam.errors import PromptError
from napari_hqsam.viewer.stack.known_objects import boxes_on
from napari_hqsam.viewer.stack.slices.slice_results import ObjectOnSlice, SliceResult
from napari_hqsam.worker import Cancelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_hqsam.masks import Mask
    from napari_hqsam.segmentation.propagation import Direction
    from napari_hqsam.viewer.stack.known_objects import BoxedMask, KnownObject
    from napari_hqsam.viewer.stack.plan import SliceJob


def propagate(
    job: SliceJob,
    objects: list[KnownObject],
    direction: Direction,
    spacing: float,
) -> Iterator[SliceResult]:
    """Propagate objects through a stack, and yield slices when they are final.

    On prompted slices the mask is that which the widget shows for the prompts. Slices
    on which an object was derived before and is not found again come last, without a
    mask.

    Raises
    ------
    PromptError
        Prompts give no mask.
    """
    from napari_hqsam.segmentation.propagation import iter_propagate, range_to_propagate

    plan, request = job.plan, job.plan.request
    stack = plan.stack
    redo = [_slices_to_redo(known, plan.span, direction) for known in objects]
    if not any(redo):
        return
    prompted = [_prompted_masks(known, job) for known in objects]
    given = [(*known.kept, *known.prompts) for known in objects]
    start, stop = range_to_propagate(set().union(*redo), given, plan.span)
    masks = [
        {z: m for z, m in {**_masks(known.kept), **own}.items() if start <= z < stop}
        for known, own in zip(objects, prompted, strict=True)
    ]
    found = iter_propagate(
        job.engine.segmenter(request.image, request.model),
        masks,
        axis=stack.letter,
        index=stack.fixed_index,
        z_range=(start, stop),
        direction=direction,
        taken=lambda index, box: job.labels_of_others(
            stack.plane(stack.slice_of_index(index)), box
        ),
        spacing=spacing,
        **request.options.arguments(),
        cancel=job.checkpoint,
    )
    not_found = [redo[i] & set(known.derived) for i, known in enumerate(objects)]
    for each in found:
        items = []
        for i, one in each.objects.items():
            if each.z in redo[i] and one.mask.area:
                mask = prompted[i].get(each.z, one.mask)
                prompt, parts = objects[i].prompts.get(each.z), one.confidence
                items.append(ObjectOnSlice(i, mask, prompt, parts.combined, parts))
                not_found[i].discard(each.z)
        yield SliceResult(each.z, tuple(items))
    if not job.checkpoint():
        for z in sorted(set().union(*not_found)):
            gone = [ObjectOnSlice(i, None) for i, zs in enumerate(not_found) if z in zs]
            yield SliceResult(z, tuple(gone))


def with_boxes(results: Iterator[SliceResult], job: SliceJob) -> Iterator[SliceResult]:
    """Look up, slice by slice, where objects that were found in the labels lie.

    Else the main thread would read the whole slice for each of them.
    """
    session, looked_up = job.plan.session, set[int]()
    assert session is not None
    for each in results:
        found_in_labels = any(map(session.table.was_preexisting, job.own_ids()))
        if each.z in looked_up or not found_in_labels:
            yield each
            continue
        looked_up.add(each.z)
        boxes = boxes_on(job.plan.labels, job.plan.stack.plane(each.z))
        yield replace(each, boxes=boxes)


def _slices_to_redo(
    known: KnownObject, span: tuple[int, int], direction: Direction
) -> set[int]:
    """Return the slices that may change; only those on the side of `direction`."""
    from napari_hqsam.segmentation.propagation import redone_slices

    given = {*known.kept, *known.prompts}
    changed = given if known.changed is None else given & set(known.changed)
    return redone_slices(given, changed, known.kept, span, direction)


def _prompted_masks(known: KnownObject, job: SliceJob) -> dict[int, Mask]:
    """Segment the prompts of an object, by slice."""
    masks = {}
    for z, prompt in known.prompts.items():
        if job.checkpoint():
            raise Cancelled
        answers = job.engine.answer(prompt.request).masks
        masks[z] = answers[min(prompt.chosen, len(answers) - 1)]
        if not masks[z].area:
            raise PromptError(
                f"no object was found at the prompts on slice {z}; add or move some"
            )
    return masks


def _masks(crops: Mapping[int, BoxedMask]) -> dict[int, Mask]:
    from napari_hqsam.masks import Mask

    return {
        z: Mask.from_crop(data, (y0, x0), 1.0, 1.0)
        for z, ((y0, x0, _, _), data) in crops.items()
    }
