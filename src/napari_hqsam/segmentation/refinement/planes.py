"""Refine the labels of one plane, or of all planes of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.labels import whole_ids
from napari_hqsam.masks.algebra import iou
from napari_hqsam.masks.linking import masks_of
from napari_hqsam.segmentation.propagation.overlaps import (
    GIVEN,
    Claim,
    resolve_overlaps,
)
from napari_hqsam.segmentation.refinement.objects import (
    RefinedObject,
    RefinedPlane,
    paint_objects,
    prompt_again,
    prompt_for,
)
from napari_hqsam.segmentation.refinement.outlines import (
    OutlineChange,
    compare_outlines,
)
from napari_hqsam.segmentation.refinement.rules import RefineRules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.images import Image
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.options import OptionArgs
    from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter


def refine(
    segmenter: PlaneSegmenter,
    labels: Any,  # noqa: ANN401 - any array that is read by slices
    *,
    plane: PlaneIndex | None = None,
    rules: RefineRules | None = None,
    **options: Unpack[OptionArgs],
) -> NDArray[Any]:
    """Refine labels, and return them as an array.

    Parameters and errors as for `iter_refine`.

    Returns
    -------
    ndarray
        New labels: shape, ids and, for integers, data type as before.
    """
    found = {
        each.position: each.labels
        for each in iter_refine(segmenter, labels, plane=plane, rules=rules, **options)
    }
    if plane is not None:
        return next(iter(found.values()))
    stacked = np.stack([found[position] for position in sorted(found)])
    image = segmenter.image
    return stacked.reshape(*image.leading_shape, *image.plane_shape)


def iter_refine(
    segmenter: PlaneSegmenter,
    labels: Any,  # noqa: ANN401 - any array that is read by slices
    *,
    plane: PlaneIndex | None = None,
    rules: RefineRules | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    **options: Unpack[OptionArgs],
) -> Iterator[RefinedPlane]:
    """Refine labels object by object; yield each plane once it is done.

    Each object is segmented from its own shape (box, deepest pixel and mask), then once
    more from the logits found. It keeps its old shape where the new one breaks one of
    the rules. Pixels that several new masks claim go to the one with the highest logit;
    those of objects that keep their shape go to no other. Ids never change, and none
    is lost.

    Parameters
    ----------
    segmenter : PlaneSegmenter
        Segments planes of the image.
    labels : array-like
        Ids from 0 (background) on, of any integer type or whole floats; (h, w), or the
        shape of the image without channels. With `plane`, (h, w). Read plane by plane.
    plane : mapping of str to int, or tuple of int, optional
        Such as ``{"z": 12}``; by default all planes, each by itself.
    rules : RefineRules, optional
        When an object keeps its shape.
    progress : callable
        Called with the number of decodings done, and of all on the plane, two for each
        object; an exception that it raises ends the work.
    **options
        See `SegmentOptions`.

    Raises
    ------
    ImageError
        The labels do not fit the image, are negative or not whole numbers.
    PromptError
        An option cannot be used.
    """
    image, chosen = segmenter.image, rules or RefineRules()
    if not hasattr(labels, "shape"):
        labels = np.asarray(labels)
    if plane is None:
        _check_shape(labels, (*image.leading_shape, *image.plane_shape), image)
        positions = list(np.ndindex(image.leading_shape))
    else:
        _check_shape(labels, image.plane_shape, image)
        positions = [image.position(plane)]
    for position in positions:
        here = labels[position] if plane is None else labels
        yield _Refiner(segmenter, position, chosen, options).run(
            _checked_ids(np.asarray(here)), progress
        )


def _check_shape(
    labels: Any,  # noqa: ANN401
    wanted: tuple[int, ...],
    image: Image,
) -> None:
    shape = tuple(map(int, labels.shape))
    if shape != wanted:
        raise ImageError(
            f"labels of shape {shape} do not fit {image.name}, which needs {wanted}; "
            "give those of this image, or name their plane"
        )


def _checked_ids(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels as integers; raise ImageError if they are no ids."""
    if labels.dtype.kind not in "biuf":
        raise ImageError(f"labels of type {labels.dtype}; give integers, an id a pixel")
    labels = whole_ids(labels, "the label image")
    lowest = labels.min()
    if lowest < 0:
        raise ImageError(
            f"labels hold the id {lowest}; ids begin at 1 and the background is 0, so "
            "relabel them"
        )
    return labels


class _Refiner:
    """Refines the labels of one plane.

    Parameters
    ----------
    segmenter : PlaneSegmenter
    position : tuple of int
        Position of the plane along the leading axes.
    rules : RefineRules
    options : dict
        Keywords of `SegmentOptions`.
    """

    def __init__(
        self,
        segmenter: PlaneSegmenter,
        position: tuple[int, ...],
        rules: RefineRules,
        options: OptionArgs,
    ) -> None:
        self.segmenter, self.position = segmenter, position
        self.rules, self.options = rules, options

    def run(
        self, labels: NDArray[Any], progress: Callable[[int, int], None]
    ) -> RefinedPlane:
        """Refine labels (h, w)."""
        old = masks_of(labels.view(np.uint8) if labels.dtype == bool else labels)
        new = self._segment(old, progress)
        changes = {i: self._change(old[i], mask) for i, mask in new.items()}
        kept = {
            i: reason
            for i, mask in new.items()
            if (reason := self.rules.broken(mask, iou(mask, old[i]), changes[i]))
        }
        final = self._resolve(old, new, changes, kept)
        where = self.segmenter.image.index_at(self.position)
        objects = tuple(
            RefinedObject(
                i,
                where,
                kept.get(i, ""),
                iou(new[i], old[i]),
                new[i].score,
                new[i].stability,
                changes[i].distance,
                changes[i].core,
                changes[i].consistency,
                changes[i].gain,
                final[i].area,
                old[i].area,
            )
            for i in old
        )
        return RefinedPlane(self.position, paint_objects(labels, final), objects)

    def _segment(
        self, old: dict[int, Mask], progress: Callable[[int, int], None]
    ) -> dict[int, Mask]:
        """Segment each object twice: from its shape, then from what was found."""
        prompts = {i: prompt_for(mask) for i, mask in old.items()}
        new = {}
        for i, mask in self._decode(prompts):
            new[i] = mask
            progress(len(new), 2 * len(old))
        second = {
            i: again for i, p in prompts.items() if (again := prompt_again(p, new[i]))
        }
        for done, (i, mask) in enumerate(self._decode(second), start=1):
            new[i] = mask
            progress(2 * len(old) - len(second) + done, 2 * len(old))
        return new

    def _decode(self, prompts: dict[int, Prompt]) -> Iterator[tuple[int, Mask]]:
        """Yield the mask of each prompt, tile by tile."""
        ids = list(prompts)
        where = self.segmenter.image.index_at(self.position)
        found = self.segmenter.iter_many(
            list(prompts.values()), plane=where, **self.options
        )
        for number, mask in found:
            yield ids[number], mask

    def _change(self, old: Mask, new: Mask) -> OutlineChange:
        if not new.area:
            return OutlineChange(0.0, 0.0, 0.0, 0.0)
        return compare_outlines(self.segmenter.source, self.position, old, new)

    def _resolve(
        self,
        old: dict[int, Mask],
        new: dict[int, Mask],
        changes: dict[int, OutlineChange],
        kept: dict[int, str],
    ) -> dict[int, Mask]:
        """Give contested pixels to the higher logit; return disjoint masks.

        An object that then breaks a rule is added to `kept`, and its old shape may in
        turn take pixels from others: repeated until none is added.
        """
        while True:
            claims = {
                i: Claim(old[i], None, GIVEN) if i in kept else Claim(mask, mask.logits)
                for i, mask in new.items()
            }
            masks = resolve_overlaps(claims, self.position, None)
            broken = {
                i: reason
                for i, mask in masks.items()
                if mask is not claims[i].mask
                and (reason := self.rules.broken(mask, iou(mask, old[i]), changes[i]))
            }
            if not broken:
                return masks
            kept |= broken
