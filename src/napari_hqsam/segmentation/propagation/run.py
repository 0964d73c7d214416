"""Through a stack: from prompted slices outward, slice by slice.

Knows segmenters, prompts and masks; must not know label files, command lines or
napari. Memory holds the frontier: one mask an object and direction. Where both
directions run, what the forward pass found waits in a `SpillBuffer`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_hqsam.masks.algebra import iou
from napari_hqsam.masks.cleaning import clean_mask
from napari_hqsam.masks.mask import Mask
from napari_hqsam.segmentation.propagation import maps
from napari_hqsam.segmentation.propagation.contest import (
    GIVEN,
    PROMPTED,
    Claim,
    check_taken,
    resolve_overlaps,
)
from napari_hqsam.segmentation.propagation.follow import (
    Found,
    Front,
    StackOptions,
    follow,
)
from napari_hqsam.segmentation.propagation.hints import Hints
from napari_hqsam.segmentation.propagation.plan import (
    Direction,
    Fixed,
    Leg,
    as_objects,
    check_walk,
    legs,
    range_to_walk,
    redone_slices,
)
from napari_hqsam.segmentation.propagation.result import (
    Confidence,
    SliceMask,
    StackObject,
    StackSlice,
)
from napari_hqsam.segmentation.propagation.rules import StopRules
from napari_hqsam.segmentation.propagation.spill_buffer import SpillBuffer

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, Unpack

    from napari_hqsam.geometry import PlaneIndex, StackAxis
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.options import OptionArgs
    from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter
    from napari_hqsam.segmentation.propagation.contest import Taken

FORWARD, BACKWARD = 1, -1


def iter_propagate(
    segmenter: PlaneSegmenter,
    objects: Fixed | Sequence[Fixed],
    *,
    axis: str | None = None,
    index: PlaneIndex = (),
    z_range: tuple[int, int] | None = None,
    direction: Direction = "both",
    taken: Taken | None = None,
    spacing: float | None = None,
    rules: StopRules | None = None,
    hints: Hints | None = None,
    cancel: threading.Event | Callable[[], bool] | None = None,
    **options: Unpack[OptionArgs],
) -> Iterator[StackSlice]:
    """Follow objects through a stack; yield each slice as soon as it is final.

    Parameters
    ----------
    segmenter : PlaneSegmenter
        Of the image.
    objects : mapping, or sequence of mappings, of int to Prompt or Mask
        Of each object what is known, by slice. A `Mask` is kept exactly as it
        is; an empty one says that the object is not there.
    axis : str, optional
        Letter of the leading axis to walk along; by default the last.
    index : mapping of str to int, or tuple of int
        Where along the other leading axes, such as ``{"t": 3}``. Where there is
        exactly one other, its number alone will do.
    z_range : (start, stop), optional
        Half-open range of slices; by default all.
    direction : {"both", "forward", "backward"}
        Which way objects are followed from where they are known.
    taken : array-like or callable, optional
        Labels of accepted objects: an array of shape (..., h, w) over the image's
        leading axes, or a callable (plane index, (y0, x0, y1, x1)) -> (h, w)
        array. Pixels that are not 0 are never given away. Only regions under
        masks are read.
    spacing : float, optional
        Distance of slices over the size of a pixel. By default what the image
        tells, else 1.
    rules : StopRules, optional
        When an object ends.
    hints : Hints, optional
        What of a mask the network is told on the next slice.
    cancel : threading.Event or callable, optional
        Asked before each slice; once it is set, or gives True, nothing more comes.
    **options
        As of `SegmentOptions`.

    Returns
    -------
    iterator of StackSlice
        Each slice of the range at most once, in the order in which they become
        final; none on which no object was looked for.

    Raises
    ------
    PromptError
        A prompt, range, direction, spacing, level or output is wrong; raised at
        once, before anything is computed, but for prompts off their plane.
    ImageError
        The image cannot be read; `taken` has another shape.
    """
    many = as_objects(objects)
    walk = check_walk(
        segmenter.image,
        many,
        axis=axis,
        index=index,
        z_range=z_range,
        direction=direction,
        spacing=spacing,
    )
    how = StackOptions(
        spacing=walk.spacing,
        rules=(rules or StopRules()).for_model(segmenter.model.tuning),
        hints=(hints or Hints()).for_model(segmenter.model.tuning),
        taken=taken,
        **options,
    )
    check_taken(taken, segmenter.image)
    for fixed in many:
        for said in fixed.values():
            if not isinstance(said, Mask):
                said.check_on(segmenter.image.plane_shape)
    planned = legs(many, walk.span, forward=walk.forward, backward=walk.backward)
    both = walk.forward and walk.backward
    run = _Run(segmenter, many, walk.stack, how, _asked(cancel), two_ways=both)
    return run.slices(planned)


def propagate(
    segmenter: PlaneSegmenter,
    objects: Fixed | Sequence[Fixed],
    **options: Any,  # noqa: ANN401 - those of `iter_propagate`
) -> list[StackObject]:
    """Follow objects through a stack.

    Parameters and errors as for `iter_propagate`.

    Returns
    -------
    list of StackObject
        One for each object; of a run that was cancelled, what was final.
    """
    return collect(
        iter_propagate(segmenter, objects, **options), len(as_objects(objects))
    )


def collect(slices: Iterator[StackSlice], count: int) -> list[StackObject]:
    """Sort slices, in any order, into objects.

    Parameters
    ----------
    slices : iterator of StackSlice
    count : int
        Number of objects.
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
    said: Prompt | Mask,
    *,
    z_range: tuple[int, int],
    direction: Direction = "both",
    **options: Any,  # noqa: ANN401 - those of `iter_propagate`
) -> StackObject:
    """Redo what a new prompt on one slice of an object can change, and no more.

    Parameters
    ----------
    segmenter : PlaneSegmenter
    found : StackObject
        As it was found; not modified.
    z : int
        Slice of the new prompt.
    said : Prompt or Mask
        All that is said of the object there: it replaces what was said before.
    z_range : (start, stop)
        Half-open: slices that may be touched.
    direction, options
        As for `iter_propagate`. Give other objects as `taken`.

    Returns
    -------
    StackObject
        Its slices outside `affected_range` are the very ones of `found`.
    """
    fixed: dict[int, Prompt | Mask] = {**found.fixed, z: said}
    redone = redone_slices(fixed, [z], (), z_range, direction)
    start, stop = range_to_walk(redone, [fixed], z_range)
    near = {at: each for at, each in fixed.items() if start <= at < stop}
    (new,) = propagate(
        segmenter, near, z_range=(start, stop), direction=direction, **options
    )
    slices = {at: s for at, s in found.slices.items() if at not in redone}
    ended = {at: r for at, r in found.ended.items() if at not in redone}
    slices |= {at: s for at, s in new.slices.items() if at in redone}
    ended |= {at: r for at, r in new.ended.items() if at in redone}
    return StackObject(dict(sorted(slices.items())), dict(sorted(ended.items())))


def _asked(cancel: threading.Event | Callable[[], bool] | None) -> Callable[[], bool]:
    if cancel is None:
        return lambda: False
    return cancel if callable(cancel) else cancel.is_set


class _Run:
    """One walk through a stack."""

    def __init__(
        self,
        segmenter: PlaneSegmenter,
        objects: Sequence[Fixed],
        stack: StackAxis,
        how: StackOptions,
        cancelled: Callable[[], bool],
        *,
        two_ways: bool,
    ) -> None:
        self.segmenter, self.objects = segmenter, objects
        self.stack, self.how, self.cancelled = stack, how, cancelled
        self.two_ways = two_ways
        self._fronts: dict[int, dict[int, Front]] = {FORWARD: {}, BACKWARD: {}}
        self._fixed: dict[int, dict[int, SliceMask]] = {}

    def slices(self, planned: Sequence[Leg]) -> Iterator[StackSlice]:
        """Walk the legs; yield slices as they become final."""
        for leg in planned:
            if leg.forward and leg.backward:
                found = self._both_ways(leg)
            else:
                found = self._one_way(leg, FORWARD if leg.forward else BACKWARD)
            for each in found:
                if each.objects or each.ended:
                    yield each
            if self.cancelled():
                return

    def _one_way(self, leg: Leg, way: int) -> Iterator[StackSlice]:
        for z in range(leg.start, leg.stop)[::way]:
            if self.cancelled() or self._is_over(way, z):
                return
            yield self._final(z, self._advance(z, way), Found())

    def _both_ways(self, leg: Leg) -> Iterator[StackSlice]:
        self._fronts[BACKWARD] = {}
        with SpillBuffer[Found]() as shelf:
            for z in range(leg.start, leg.stop):
                if self.cancelled():
                    return
                shelf.put(z, self._advance(z, FORWARD))
            for z in reversed(range(leg.start, leg.stop)):
                if self.cancelled():
                    return
                found = self._advance(z, BACKWARD)
                yield self._final(z, shelf.take(z) or Found(), found)

    def _is_over(self, way: int, z: int) -> bool:
        """Whether no object is under way, nor will be."""
        ahead = any((at - z) * way >= 0 for fixed in self.objects for at in fixed)
        return not ahead and not self._fronts[way]

    # --- a slice ------------------------------------------------------------

    def _advance(self, z: int, way: int) -> Found:
        """Take all objects that are under way in one direction to a slice."""
        known = self._known(z)
        fronts = {i: f for i, f in self._fronts[way].items() if i not in known}
        masks = {i: each.mask for i, each in known.items()}
        found = follow(self.segmenter, self.stack.position(z), fronts, masks, self.how)
        after = {i: Front(mask) for i, mask in masks.items() if mask.area}
        after |= {
            i: Front(step.mask, reference=step.reference)
            for i, step in found.steps.items()
        }
        for i in found.failed:
            if fronts[i].gap <= self.how.rules.patience:
                after[i] = replace(fronts[i], gap=fronts[i].gap + 1)
        self._fronts[way] = after
        return found

    def _known(self, z: int) -> dict[int, SliceMask]:
        """Return what the user said of a slice, as masks; segmented once."""
        if z not in self._fixed:
            said = {i: each[z] for i, each in enumerate(self.objects) if z in each}
            self._fixed[z] = self._segmented(z, said)
        return self._fixed[z]

    def _segmented(
        self, z: int, said: Mapping[int, Prompt | Mask]
    ) -> dict[int, SliceMask]:
        plane = self.stack.position(z)
        prompts = {i: p for i, p in said.items() if not isinstance(p, Mask)}
        masks = self.segmenter.segment_many(
            list(prompts.values()),
            plane=self.stack.index(z),
            **self.how.arguments(),
        )
        claims = {
            i: Claim(each, each.logits, GIVEN)
            for i, each in said.items()
            if isinstance(each, Mask)
        }
        for i, mask in zip(prompts, masks, strict=True):
            claims[i] = Claim(mask, mask.logits, PROMPTED)
        return {
            i: SliceMask(
                mask,
                "prompted" if i in prompts else "kept",
                Confidence(mask.stability),
            )
            for i, mask in resolve_overlaps(claims, plane, self.how.taken).items()
        }

    def _final(self, z: int, onward: Found, back: Found) -> StackSlice:
        """Put together what was known, and what came from both sides."""
        found = {**onward.steps, **back.steps}
        made = {i: self._joined(z, i, onward, back) for i in found}
        known = self._known(z)
        masks = {i: claim.mask for i, (claim, _) in made.items()}
        if onward.steps and back.steps:  # else they were shared out already
            claims = {i: claim for i, (claim, _) in made.items()}
            claims |= {i: Claim(s.mask, None, PROMPTED) for i, s in known.items()}
            masks = resolve_overlaps(claims, self.stack.position(z), self.how.taken)
        objects = dict(known)
        for i, (_, confidence) in made.items():
            both = i in onward.steps and i in back.steps
            objects[i] = SliceMask(
                masks[i], "blended" if both else "followed", confidence
            )
        failed = {**onward.failed, **back.failed}
        ended = {i: reason for i, reason in failed.items() if i not in objects}
        return StackSlice(
            z, self.stack.position(z), dict(sorted(objects.items())), ended
        )

    def _joined(
        self, z: int, i: int, onward: Found, back: Found
    ) -> tuple[Claim, Confidence]:
        """Mask of an object from one side, or from both weighted by distance."""
        one, other = onward.steps.get(i), back.steps.get(i)
        between = self._between(z, i)
        if one is None or other is None or between is None:
            step = one or other
            assert step is not None
            # it is on both sides, so it should have come from both
            agreement = None if between is None else 0.0
            sure = Confidence(
                step.mask.stability, step.overlap, step.likeness, agreement
            )
            return Claim(step.mask, step.logits), sure
        before, behind = between
        share = (z - before) / (behind - before)
        logits = maps.blended(one.logits, other.logits, share)
        nearer = other if share > 0.5 else one
        offset, crop = maps.pixels(logits, self.segmenter.image.plane_shape)
        if self.how.clean and crop.size:
            crop = clean_mask(crop)
        if not crop.any():  # they do not meet: the nearer one stands alone
            logits, offset, crop = nearer.logits, nearer.mask.bbox[:2], nearer.mask.data
        mask = Mask.from_crop(
            crop,
            offset,
            (1 - share) * one.mask.score + share * other.mask.score,
            (1 - share) * one.mask.stability + share * other.mask.stability,
            level=nearer.mask.level,
            complete=one.mask.complete and other.mask.complete,
            logits=nearer.mask.logits,
        )
        confidence = Confidence(
            mask.stability,
            (1 - share) * one.overlap + share * other.overlap,
            (1 - share) * one.likeness + share * other.likeness,
            iou(one.mask, other.mask),
        )
        return Claim(mask, logits), confidence

    def _between(self, z: int, i: int) -> tuple[int, int] | None:
        """Slices before and behind from which an object comes; None if not both."""
        before = [at for at in self.objects[i] if at < z]
        behind = [at for at in self.objects[i] if at > z]
        if not (self.two_ways and before and behind):
            return None
        return max(before), min(behind)
