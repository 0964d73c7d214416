"""Run the ranges of a propagation plan, slice by slice.

Memory holds the last masks of each object and direction. Where both directions run,
the results of the forward pass wait in a `SpillBuffer` for the backward pass.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_hqsam.masks.algebra import iou
from napari_hqsam.masks.cleaning import clean_mask
from napari_hqsam.masks.mask import Mask
from napari_hqsam.segmentation.propagation import logit_maps
from napari_hqsam.segmentation.propagation.overlaps import (
    GIVEN,
    PROMPTED,
    Claim,
    resolve_overlaps,
)
from napari_hqsam.segmentation.propagation.result import (
    Confidence,
    SliceMask,
    StackSlice,
)
from napari_hqsam.segmentation.propagation.slice_step import (
    PassResult,
    PropagationState,
    propagate_to_slice,
)
from napari_hqsam.segmentation.propagation.spill_buffer import SpillBuffer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_hqsam.geometry import StackAxis
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter
    from napari_hqsam.segmentation.propagation.plan import KnownSlices, SliceRange
    from napari_hqsam.segmentation.propagation.slice_step import StackOptions

FORWARD, BACKWARD = 1, -1


class Propagator:
    """Propagates objects along one axis of an image.

    Parameters
    ----------
    segmenter : PlaneSegmenter
        Segments planes of the image.
    objects : sequence of mapping of int to Prompt or Mask
        Prompts and masks of each object, by slice.
    stack : StackAxis
        The axis.
    options : StackOptions
    cancelled : callable
        Checked before each slice.
    both_ways : bool
        Whether objects are propagated forward and backward.
    """

    def __init__(
        self,
        segmenter: PlaneSegmenter,
        objects: Sequence[KnownSlices],
        stack: StackAxis,
        options: StackOptions,
        cancelled: Callable[[], bool],
        *,
        both_ways: bool,
    ) -> None:
        self.segmenter, self.objects = segmenter, objects
        self.stack, self.options, self.cancelled = stack, options, cancelled
        self.both_ways = both_ways
        self._states: dict[int, dict[int, PropagationState]] = {
            FORWARD: {},
            BACKWARD: {},
        }
        self._given: dict[int, dict[int, SliceMask]] = {}

    def slices(self, ranges: Sequence[SliceRange]) -> Iterator[StackSlice]:
        """Run the ranges; yield slices as they become final."""
        for part in ranges:
            if part.forward and part.backward:
                found = self._both_ways(part)
            else:
                found = self._one_way(part, FORWARD if part.forward else BACKWARD)
            for each in found:
                if each.objects or each.ended:
                    yield each
            if self.cancelled():
                return

    def _one_way(self, part: SliceRange, direction: int) -> Iterator[StackSlice]:
        for z in range(part.start, part.stop)[::direction]:
            if self.cancelled() or self._has_ended(direction, z):
                return
            yield self._final(z, self._advance(z, direction), PassResult())

    def _both_ways(self, part: SliceRange) -> Iterator[StackSlice]:
        self._states[BACKWARD] = {}
        with SpillBuffer[PassResult]() as forward:
            for z in range(part.start, part.stop):
                if self.cancelled():
                    return
                forward.put(z, self._advance(z, FORWARD))
            for z in reversed(range(part.start, part.stop)):
                if self.cancelled():
                    return
                backward = self._advance(z, BACKWARD)
                yield self._final(z, forward.take(z) or PassResult(), backward)

    def _has_ended(self, direction: int, z: int) -> bool:
        """Whether no object reaches a slice, or starts there or beyond."""
        ahead = any((at - z) * direction >= 0 for each in self.objects for at in each)
        return not ahead and not self._states[direction]

    def _advance(self, z: int, direction: int) -> PassResult:
        """Propagate the objects of one direction to a slice."""
        given = self._given_on(z)
        states = {i: s for i, s in self._states[direction].items() if i not in given}
        masks = {i: each.mask for i, each in given.items()}
        result = propagate_to_slice(
            self.segmenter, self.stack.position(z), states, masks, self.options
        )
        after = {i: PropagationState(mask) for i, mask in masks.items() if mask.area}
        after |= {
            i: PropagationState(each.mask, reference=each.reference)
            for i, each in result.found.items()
        }
        for i in result.failed:
            if states[i].gap <= self.options.rules.patience:
                after[i] = replace(states[i], gap=states[i].gap + 1)
        self._states[direction] = after
        return result

    def _given_on(self, z: int) -> dict[int, SliceMask]:
        """Return the masks that were given or prompted on a slice; computed once."""
        if z not in self._given:
            given = {i: each[z] for i, each in enumerate(self.objects) if z in each}
            self._given[z] = self._segmented(z, given)
        return self._given[z]

    def _segmented(
        self, z: int, given: Mapping[int, Prompt | Mask]
    ) -> dict[int, SliceMask]:
        """Segment the prompts of a slice; resolve overlaps with its given masks."""
        prompts = {i: p for i, p in given.items() if not isinstance(p, Mask)}
        masks = self.segmenter.segment_many(
            list(prompts.values()),
            plane=self.stack.index(z),
            **self.options.arguments(),
        )
        claims = {
            i: Claim(each, each.logits, GIVEN)
            for i, each in given.items()
            if isinstance(each, Mask)
        }
        for i, mask in zip(prompts, masks, strict=True):
            claims[i] = Claim(mask, mask.logits, PROMPTED)
        disjoint = resolve_overlaps(claims, self.stack.position(z), self.options.taken)
        return {
            i: SliceMask(
                mask,
                "prompted" if i in prompts else "kept",
                Confidence(mask.stability),
            )
            for i, mask in disjoint.items()
        }

    def _final(self, z: int, forward: PassResult, backward: PassResult) -> StackSlice:
        """Combine the given masks of a slice with those of both directions."""
        found = {**forward.found, **backward.found}
        combined = {i: self._combined(z, i, forward, backward) for i in found}
        given = self._given_on(z)
        masks = {i: claim.mask for i, (claim, _) in combined.items()}
        if forward.found and backward.found:  # else they are disjoint already
            claims = {i: claim for i, (claim, _) in combined.items()}
            claims |= {i: Claim(s.mask, None, PROMPTED) for i, s in given.items()}
            masks = resolve_overlaps(claims, self.stack.position(z), self.options.taken)
        objects = dict(given)
        for i, (_, confidence) in combined.items():
            both = i in forward.found and i in backward.found
            objects[i] = SliceMask(
                masks[i], "blended" if both else "followed", confidence
            )
        failed = {**forward.failed, **backward.failed}
        ended = {i: reason for i, reason in failed.items() if i not in objects}
        return StackSlice(
            z, self.stack.position(z), dict(sorted(objects.items())), ended
        )

    def _combined(
        self, z: int, i: int, forward: PassResult, backward: PassResult
    ) -> tuple[Claim, Confidence]:
        """Return the mask of one direction, or of both blended by distance."""
        one, other = forward.found.get(i), backward.found.get(i)
        between = self._between(z, i)
        if one is None or other is None or between is None:
            only = one or other
            assert only is not None
            # between two known slices it should have come from both
            agreement = None if between is None else 0.0
            confidence = Confidence(
                only.mask.stability, only.overlap, only.contrast, agreement
            )
            return Claim(only.mask, only.logits), confidence
        before, behind = between
        weight = (z - before) / (behind - before)
        logits = logit_maps.blend(one.logits, other.logits, weight)
        nearer = other if weight > 0.5 else one
        offset, crop = logit_maps.to_pixels(logits, self.segmenter.image.plane_shape)
        if self.options.clean and crop.size:
            crop = clean_mask(crop)
        if not crop.any():  # disjoint masks cancel out: take the nearer one
            logits, offset, crop = nearer.logits, nearer.mask.bbox[:2], nearer.mask.data
        mask = Mask.from_crop(
            crop,
            offset,
            (1 - weight) * one.mask.score + weight * other.mask.score,
            (1 - weight) * one.mask.stability + weight * other.mask.stability,
            level=nearer.mask.level,
            complete=one.mask.complete and other.mask.complete,
            logits=nearer.mask.logits,
        )
        confidence = Confidence(
            mask.stability,
            (1 - weight) * one.overlap + weight * other.overlap,
            (1 - weight) * one.contrast + weight * other.contrast,
            iou(one.mask, other.mask),
        )
        return Claim(mask, logits), confidence

    def _between(self, z: int, i: int) -> tuple[int, int] | None:
        """Return the nearest given slices of an object around z; None if not both."""
        before = [at for at in self.objects[i] if at < z]
        behind = [at for at in self.objects[i] if at > z]
        if not (self.both_ways and before and behind):
            return None
        return max(before), min(behind)
