"""One step of a propagation: all objects to the next slice, in one decoder batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_hqsam.masks import Logits
from napari_hqsam.masks.algebra import iou
from napari_hqsam.masks.cleaning import clean_mask
from napari_hqsam.masks.mask import Mask
from napari_hqsam.segmentation.options import SegmentOptions
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder, decode_by_tile
from napari_hqsam.segmentation.plane.growth import MaskGrower
from napari_hqsam.segmentation.propagation import logit_maps
from napari_hqsam.segmentation.propagation.contrast import contrast, relative_contrast
from napari_hqsam.segmentation.propagation.overlaps import (
    PROMPTED,
    Claim,
    resolve_overlaps,
)
from napari_hqsam.segmentation.propagation.prompt_transfer import (
    PromptTransfer,
    next_prompts,
    widened_box,
)
from napari_hqsam.segmentation.propagation.rules import StopRules, per_step
from napari_hqsam.segmentation.propagation.tile_cover import assign_tiles, choose_level
from napari_hqsam.tiling import fit_plane

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.plane.decoding import TilePrediction
    from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter
    from napari_hqsam.segmentation.propagation.overlaps import TakenLabels
    from napari_hqsam.tiling import Tile


@dataclass(frozen=True, eq=False, kw_only=True)
class StackOptions(SegmentOptions):
    """Options of a propagation; see `iter_propagate`.

    `rules` and `transfer` have no open values (None): see their `for_model`.
    """

    spacing: float = 1.0
    rules: StopRules = field(default_factory=StopRules)
    transfer: PromptTransfer = field(default_factory=PromptTransfer)
    taken: TakenLabels | None = None


@dataclass(frozen=True, eq=False)
class PropagationState:
    """The state of an object in one direction of propagation.

    Attributes
    ----------
    mask : Mask
        Its last mask; not empty.
    gap : int
        Slices from that mask to the next slice.
    reference : ndarray or None
        (3,) its contrast to its surroundings on the first slice after a given or
        prompted one (`contrast.contrast`); None before that.
    """

    mask: Mask
    gap: int = 1
    reference: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class PropagatedMask:
    """The mask of an object on the next slice.

    Attributes
    ----------
    mask : Mask
        Disjoint from all others of the same step.
    logits : Logits
        Logits of the chosen output, before overlaps were resolved.
    overlap : float
        IoU with the last mask, per pixel of distance along z.
    contrast : float
        Contrast as a fraction of the reference, 0..1.
    reference : ndarray or None
        (3,) the reference contrast, from now on if it was None.
    """

    mask: Mask
    logits: Logits
    overlap: float
    contrast: float
    reference: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class PassResult:
    """Masks of one pass, forward or backward, on a slice, by the number of the object.

    Attributes
    ----------
    found : dict of int to PropagatedMask
    failed : dict of int to str
        Objects that broke a stop rule, with the reason.
    """

    found: dict[int, PropagatedMask] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def propagate_to_slice(
    segmenter: PlaneSegmenter,
    plane: tuple[int, ...],
    states: Mapping[int, PropagationState],
    given: Mapping[int, Mask],
    options: StackOptions,
) -> PassResult:
    """Segment objects on a slice, prompted with their last masks.

    Parameters
    ----------
    segmenter : PlaneSegmenter
    plane : tuple of int
        Position of the slice.
    states : mapping of int to PropagationState
        The objects to segment.
    given : mapping of int to Mask
        Masks of other objects that are fixed on this slice.
    options : StackOptions
    """
    if not states:
        return PassResult()
    before = {i: state.mask for i, state in states.items()}
    steps = {i: options.spacing * state.gap for i, state in states.items()}
    around = [mask for mask in given.values() if mask.area]
    shape = segmenter.image.plane_shape
    prompts = next_prompts(before, steps, shape, options.transfer, around)
    decoder = PlaneDecoder(segmenter.source, segmenter.model, segmenter.grid, plane)
    tiles = {i: [t] for i, t in _tiles(segmenter, before, steps, options).items()}
    predictions = decode_by_tile(decoder, prompts, tiles, hq=options.output != "sam")
    check = _StopCheck(before, steps, options.rules)
    claims: dict[int, Claim] = {}
    contrasts: dict[int, tuple[float, NDArray[np.float32] | None]] = {}
    failed: dict[int, str] = {}
    for i, (prediction,) in predictions.items():
        claim = _claim(decoder, prompts[i], prediction, before[i], steps[i], options)
        if claim is None:
            failed[i] = "empty"
            continue
        contrasts[i] = _relative_contrast(decoder, claim, states[i].reference)
        if reason := check.broken(i, claim.mask, contrasts[i][0]):
            failed[i] = reason
        else:
            claims[i] = claim
    # only masks that pass the rules take part: others must not win pixels
    fixed = {i: Claim(mask, None, PROMPTED) for i, mask in given.items()}
    masks = resolve_overlaps({**claims, **fixed}, plane, options.taken)
    found: dict[int, PropagatedMask] = {}
    for i, claim in claims.items():
        mask = masks[i]
        changed = mask is not claim.mask
        if changed and (reason := check.broken(i, mask, contrasts[i][0])):
            failed[i] = f"{reason} after overlaps went to other objects"
        elif claim.logits is not None:
            overlap = per_step(iou(mask, before[i]), steps[i])
            found[i] = PropagatedMask(mask, claim.logits, overlap, *contrasts[i])
    return PassResult(found, failed)


@dataclass(frozen=True, eq=False)
class _StopCheck:
    """Applies the stop rules to one step of many objects."""

    before: Mapping[int, Mask]
    steps: Mapping[int, float]
    rules: StopRules

    def broken(self, i: int, mask: Mask, contrast: float) -> str | None:
        """Return the rule that the mask of an object breaks; None if it passes."""
        before = self.before[i]
        areas = before.area, mask.area
        overlap = iou(mask, before)
        return self.rules.broken(
            contrast, mask.stability, overlap, areas, self.steps[i]
        )


def _relative_contrast(
    decoder: PlaneDecoder,
    claim: Claim,
    reference: NDArray[np.float32] | None,
) -> tuple[float, NDArray[np.float32] | None]:
    """Return the relative contrast and the reference, by default this contrast."""
    assert claim.logits is not None
    now = contrast(decoder.source, decoder.index, claim.logits)
    if now is None or reference is None:
        return 1.0, now if reference is None else reference
    return relative_contrast(now, reference), reference


def _tiles(
    segmenter: PlaneSegmenter,
    before: Mapping[int, Mask],
    steps: Mapping[int, float],
    options: StackOptions,
) -> dict[int, Tile]:
    """Choose the tile on which each object is decoded."""
    grid, share = segmenter.grid, segmenter.model.tuning.object_share
    if options.level == "whole":
        tile = fit_plane(grid.plane_shape, grid.size)
        return dict.fromkeys(before, tile)
    boxes = {}
    for i, mask in before.items():
        box = widened_box(mask.bbox, options.transfer, steps[i])
        level = (
            choose_level(box, grid, mask.level, share)
            if options.level == "auto"
            else grid.clip(options.level)
        )
        boxes[i] = box, level
    return assign_tiles(boxes, grid, share)


def _claim(
    decoder: PlaneDecoder,
    prompt: Prompt,
    prediction: TilePrediction,
    before: Mask,
    step: float,
    options: StackOptions,
) -> Claim | None:
    """Return the object's mask and logits from a prediction; None if empty."""
    tile = prediction.tile
    rows, cols = tile.decoded_shape
    corner, pitch = (tile.y0, tile.x0), tile.decoded_pitch
    complete, logits = True, None
    if tile.address is None:
        values = prediction.logits(options.output)[:rows, :cols].numpy()
        logits = Logits.near_object(values, corner, pitch)
    else:
        grown = MaskGrower(decoder, prompt, options.output).run(prediction)
        logits, complete = logit_maps.from_canvas(grown.canvas), grown.complete
    if logits is None:
        return None
    logits = logit_maps.drop_unconnected(logits, before, max(step, 1.0))
    offset, crop = logit_maps.to_pixels(logits, decoder.grid.plane_shape)
    if options.clean and crop.size:
        crop = clean_mask(crop)
    mask = Mask.from_crop(
        crop,
        offset,
        prediction.scores[0],
        logit_maps.stability(logits),
        level=None if tile.address is None else tile.address.level,
        complete=complete,
        logits=Logits.near_object(
            prediction.sam[0, :rows, :cols].numpy(), corner, pitch
        ),
    )
    return Claim(mask, logits)
