"""One step: all objects from their slice to the next, in one go of the decoder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_hqsam.masks import Logits
from napari_hqsam.masks.algebra import iou
from napari_hqsam.masks.cleaning import clean_mask
from napari_hqsam.masks.mask import Mask
from napari_hqsam.segmentation.options import SegmentOptions
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder, decode_by_tile
from napari_hqsam.segmentation.plane.growth import Growth
from napari_hqsam.segmentation.propagation import maps
from napari_hqsam.segmentation.propagation.contest import (
    PROMPTED,
    Claim,
    resolve_overlaps,
)
from napari_hqsam.segmentation.propagation.covering import cover, level_of
from napari_hqsam.segmentation.propagation.hints import Hints, next_prompts, widened
from napari_hqsam.segmentation.propagation.likeness import contrast, likeness
from napari_hqsam.segmentation.propagation.rules import StopRules, per_step
from napari_hqsam.tiling import fit_plane

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.plane.decoding import Answer
    from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter
    from napari_hqsam.segmentation.propagation.contest import Taken
    from napari_hqsam.tiling import Tile


@dataclass(frozen=True, eq=False, kw_only=True)
class StackOptions(SegmentOptions):
    """All that is chosen once for a stack; see `iter_propagate`.

    Rules and hints leave nothing open: see their `for_model`.
    """

    spacing: float = 1.0
    rules: StopRules = field(default_factory=StopRules)
    hints: Hints = field(default_factory=Hints)
    taken: Taken | None = None


@dataclass(frozen=True, eq=False)
class Front:
    """Where an object was seen last on its way.

    Attributes
    ----------
    mask : Mask
        There; not empty.
    gap : int
        Slices from there to the next one.
    reference : ndarray or None
        Its contrast to its surroundings next to the slice where the user spoke;
        None if there is none yet.
    """

    mask: Mask
    gap: int = 1
    reference: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """What was found of an object on the next slice.

    Attributes
    ----------
    mask : Mask
        Disjoint from all others found in the same step.
    logits : Logits
        Of the output asked for, before any pixel went to another object.
    overlap : float
        IoU with where it came from, per pixel of distance along z.
    likeness : float
        To `reference`.
    reference : ndarray or None
        That of the front, or what becomes it.
    """

    mask: Mask
    logits: Logits
    overlap: float
    likeness: float
    reference: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class Found:
    """What one pass found on a slice."""

    steps: dict[int, Step] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def follow(
    segmenter: PlaneSegmenter,
    plane: tuple[int, ...],
    fronts: Mapping[int, Front],
    known: Mapping[int, Mask],
    how: StackOptions,
) -> Found:
    """Find objects on a slice from where they were seen last.

    Parameters
    ----------
    segmenter : PlaneSegmenter
    plane : tuple of int
        The slice.
    fronts : mapping of int to Front
        The objects to be found.
    known : mapping of int to Mask
        Of other objects, fixed on this slice.
    how : StackOptions
    """
    if not fronts:
        return Found()
    before = {i: front.mask for i, front in fronts.items()}
    steps = {i: how.spacing * front.gap for i, front in fronts.items()}
    around = [mask for mask in known.values() if mask.area]
    shape = segmenter.image.plane_shape
    prompts = next_prompts(before, steps, shape, how.hints, around)
    decoder = PlaneDecoder(segmenter.source, segmenter.model, segmenter.grid, plane)
    looks = {i: [tile] for i, tile in _tiles(segmenter, before, steps, how).items()}
    answers = decode_by_tile(decoder, prompts, looks, hq=how.output != "sam")
    judge = _Judge(before, steps, how.rules)
    claims: dict[int, Claim] = {}
    likes: dict[int, tuple[float, NDArray[np.float32] | None]] = {}
    failed: dict[int, str] = {}
    for i, (answer,) in answers.items():
        claim = _claim(decoder, prompts[i], answer, before[i], steps[i], how)
        if claim is None:
            failed[i] = "empty"
            continue
        likes[i] = _like(decoder, claim, fronts[i].reference)
        if reason := judge.broken(i, claim.mask, likes[i][0]):
            failed[i] = reason
        else:
            claims[i] = claim
    # what breaks a rule must not take pixels from what does not
    fixed = {i: Claim(mask, None, PROMPTED) for i, mask in known.items()}
    masks = resolve_overlaps({**claims, **fixed}, plane, how.taken)
    found: dict[int, Step] = {}
    for i, claim in claims.items():
        mask = masks[i]
        if mask is not claim.mask and (reason := judge.broken(i, mask, likes[i][0])):
            failed[i] = f"{reason} after others took their pixels"
        elif claim.logits is not None:
            kept = per_step(iou(mask, before[i]), steps[i])
            found[i] = Step(mask, claim.logits, kept, *likes[i])
    return Found(found, failed)


@dataclass(frozen=True, eq=False)
class _Judge:
    """Applies the stop rules to one step of many objects."""

    before: Mapping[int, Mask]
    steps: Mapping[int, float]
    rules: StopRules

    def broken(self, i: int, mask: Mask, like: float) -> str | None:
        before = self.before[i]
        kept = iou(mask, before)
        areas = before.area, mask.area
        return self.rules.broken(like, mask.stability, kept, areas, self.steps[i])


def _like(
    decoder: PlaneDecoder,
    claim: Claim,
    reference: NDArray[np.float32] | None,
) -> tuple[float, NDArray[np.float32] | None]:
    """Likeness to the reference, and the reference; what is seen first becomes it."""
    assert claim.logits is not None
    now = contrast(decoder.source, decoder.index, claim.logits)
    if now is None or reference is None:
        return 1.0, now if reference is None else reference
    return likeness(now, reference), reference


def _tiles(
    segmenter: PlaneSegmenter,
    before: Mapping[int, Mask],
    steps: Mapping[int, float],
    how: StackOptions,
) -> dict[int, Tile]:
    """Tile on which each object is looked at."""
    grid, share = segmenter.grid, segmenter.model.tuning.object_share
    if how.level == "whole":
        tile = fit_plane(grid.plane_shape, grid.size)
        return dict.fromkeys(before, tile)
    boxes = {}
    for i, mask in before.items():
        box = widened(mask.bbox, how.hints, steps[i])
        level = (
            level_of(box, grid, mask.level, share)
            if how.level == "auto"
            else grid.clip(how.level)
        )
        boxes[i] = box, level
    return cover(boxes, grid, share)


def _claim(
    decoder: PlaneDecoder,
    prompt: Prompt,
    answer: Answer,
    before: Mask,
    step: float,
    how: StackOptions,
) -> Claim | None:
    """Mask and logits of an answer; None if it is empty."""
    tile = answer.tile
    rows, cols = tile.decoded_shape
    corner, pitch = (tile.y0, tile.x0), tile.decoded_pitch
    complete, logits = True, None
    if tile.address is None:
        seen = answer.logits(how.output)[:rows, :cols].numpy()
        logits = Logits.near_object(seen, corner, pitch)
    else:
        grown = Growth(decoder, prompt, how.output).run(answer)
        logits, complete = maps.of_field(grown.field), grown.complete
    if logits is None:
        return None
    logits = maps.continued(logits, before, max(step, 1.0))
    offset, crop = maps.pixels(logits, decoder.grid.plane_shape)
    if how.clean and crop.size:
        crop = clean_mask(crop)
    mask = Mask.from_crop(
        crop,
        offset,
        answer.scores[0],
        maps.stability(logits),
        level=None if tile.address is None else tile.address.level,
        complete=complete,
        logits=Logits.near_object(answer.sam[0, :rows, :cols].numpy(), corner, pitch),
    )
    return Claim(mask, logits)
