"""Entry point: yield the objects of a plane that are like the examples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.masks.algebra import iou
from napari_hqsam.masks.mask import Mask
from napari_hqsam.segmentation.automatic.detections import Rules, quality
from napari_hqsam.segmentation.automatic.everything import checked_region
from napari_hqsam.segmentation.automatic.proposers import find_proposer
from napari_hqsam.segmentation.automatic.tile_rows import Area, AutomaticRun, Callbacks
from napari_hqsam.segmentation.exemplars.examples import (
    Example,
    ExampleModel,
    view_of,
)
from napari_hqsam.segmentation.exemplars.proposer import SimilarProposer
from napari_hqsam.segmentation.options import OptionArgs, SegmentOptions
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_hqsam.geometry import Box, PlaneIndex
    from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter

LEAST_PIXELS = 4
"""Area of the smallest example: a pixel or two show neither shape nor texture."""
MOST_TRIED = 5
"""Examples on which levels are compared."""
SAME = 0.5
"""IoU with an example from which a match is that example itself."""


@dataclass(frozen=True, eq=False)
class Match:
    """An object that is like the examples.

    Attributes
    ----------
    mask : Mask
        Mask at full resolution.
    similarity : float
        Cosine of its mean embedding and the nearest example's, up to 1.
    """

    mask: Mask
    similarity: float

    @property
    def rank(self) -> float:
        """Similarity times quality (see `Rules`), up to 1."""
        return self.similarity * quality(self.mask)


def iter_similar(
    segmenter: PlaneSegmenter,
    examples: Sequence[Example | Mask],
    *,
    unlike: Sequence[Example | Mask] = (),
    plane: PlaneIndex = (),
    region: Sequence[int] | None = None,
    taken: Any = None,  # noqa: ANN401 - any array that is read by slices
    rules: Rules | None = None,
    progress: Callable[[int, int], None] | None = None,
    check: Callable[[], None] = lambda: None,
    **options: Unpack[OptionArgs],
) -> Iterator[Match]:
    """Yield the objects of a plane that are like the examples, as they are found.

    The examples may be on any plane of the image. Where they are on the plane that is
    searched, they are not found again.

    Parameters
    ----------
    segmenter : PlaneSegmenter
        Segments planes of the image.
    examples : sequence of Example or Mask
        At least one. A mask without a plane is on the plane searched.
    unlike : sequence of Example or Mask
        Counter-examples: an object that is more similar to one of them than to any
        example is left out.
    plane : mapping of str to int, or tuple of int
        The plane searched, such as ``{"z": 12}``; see `geometry.PlaneIndex`.
    region, taken, rules, progress, check
        As of `automatic.iter_everything`.
    **options
        See `SegmentOptions`. The level "auto" is the one at which the examples
        themselves are found best.

    Raises
    ------
    PromptError
        There is no example, or one is too small or not on the plane; or level or
        output cannot be used.
    ImageError
        There is no such plane, the region is not on it, or the labels do not fit.
    """
    image, grid = segmenter.image, segmenter.grid
    how = SegmentOptions(**options).for_model(segmenter.model)
    if how.level == "whole":
        raise PromptError('level "whole" needs prompts; use "auto" or an int')
    image.position(plane)
    like = _checked(segmenter, examples, plane)
    other = _checked(segmenter, unlike, plane)
    if not like:
        raise PromptError("there is no example: give at least one object")
    box = checked_region(region, grid.plane_shape, taken)
    search = _Search(segmenter, like, other, rules or Rules(), how, check)
    level = search.best_level() if how.level == "auto" else grid.clip(how.level)
    here = [
        each.mask
        for each in (*like, *other)
        if image.position(each.plane) == image.position(plane)
    ]
    for match in search.matches(search.model(level), plane, box, taken, progress):
        if all(iou(match.mask, each) < SAME for each in here):
            yield match


@dataclass(frozen=True, eq=False)
class _Search:
    """What all levels and regions of a search have in common."""

    segmenter: PlaneSegmenter
    like: Sequence[Example]
    unlike: Sequence[Example]
    rules: Rules
    how: SegmentOptions
    check: Callable[[], None]

    def model(self, level: int) -> ExampleModel:
        """Describe the examples at a level; their tiles are encoded if need be."""
        return ExampleModel(self.segmenter, self.like, self.unlike, level)

    def matches(
        self,
        model: ExampleModel,
        plane: PlaneIndex,
        region: Box,
        taken: Any = None,  # noqa: ANN401 - any array
        progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[Match]:
        """Yield the matches in a region, the examples among them."""
        segmenter, level = self.segmenter, model.level
        index = segmenter.image.position(plane)
        kind = find_proposer("auto", segmenter.model)
        decoder = PlaneDecoder(segmenter.source, segmenter.model, segmenter.grid, index)
        seen = (
            kind.make(decoder, level, region, None)
            if kind.needs_instance_decoder
            else None
        )
        rules = _within_sizes(self.rules, model, segmenter)
        run = AutomaticRun(
            segmenter,
            Area(decoder, level, region),
            SimilarProposer(model, region, seen),
            kind.rules(rules, segmenter.model),
            self.how,
            taken,
            Callbacks(progress or (lambda done, total: None), self.check),
        )
        for mask in run:
            found = Example(mask, plane)
            if model.fits(found) and (near := model.similarity(found)) >= model.least:
                yield Match(mask, near)

    def best_level(self) -> int:
        """Choose the level at which a search finds the examples themselves best.

        Rates the level of their size and those next to it by the mean IoU of the
        examples with the masks found there; for a model with an instance decoder, plus
        how well its maps fit the objects around (see `level_rating.rate_by_maps`).
        """
        segmenter, tried = self.segmenter, self.like[:MOST_TRIED]
        kind = find_proposer("auto", segmenter.model)
        share = segmenter.model.tuning.automatic_share
        sizes = [max(np.subtract(e.mask.bbox[2:], e.mask.bbox[:2])) for e in tried]
        middle = segmenter.grid.level_for(float(np.median(sizes)), share)
        rated: dict[int, float] = {}
        for level in {segmenter.grid.clip(middle + step) for step in (-1, 0, 1)}:
            model = self.model(level)
            ious, ratings = [], []
            for each in tried:
                self.check()
                found = self.matches(model, each.plane, each.mask.bbox)
                ious.append(max((iou(m.mask, each.mask) for m in found), default=0.0))
                if kind.needs_instance_decoder:
                    ratings.append(kind.rate(view_of(segmenter, each, level)))
            total = sum(rating.weight for rating in ratings)
            fit = sum(rating.value * rating.weight for rating in ratings)
            rated[level] = float(np.mean(ious)) + (fit / total if total else 0.0)
        return max(rated, key=lambda level: (rated[level], level))


def _within_sizes(
    rules: Rules, model: ExampleModel, segmenter: PlaneSegmenter
) -> Rules:
    """Return rules that suppress nothing for a mask of a size that is not wanted."""
    pixel = (4 * 2.0**model.level) ** 2
    tile = (segmenter.grid.size / 4) ** 2
    least, most = (area / pixel for area in model.areas)
    return replace(
        rules,
        pixels=max(rules.pixels, round(least)),
        share=min(rules.share, most / tile),
    )


def _checked(
    segmenter: PlaneSegmenter,
    examples: Sequence[Example | Mask],
    plane: PlaneIndex,
) -> list[Example]:
    """Return examples with their planes.

    Raises
    ------
    PromptError
        One is too small, or not on its plane.
    """
    found = []
    h, w = segmenter.image.plane_shape
    for each in examples:
        example = Example(each, plane) if isinstance(each, Mask) else each
        segmenter.image.position(example.plane)
        mask = example.mask
        if mask.area < LEAST_PIXELS:
            raise PromptError(
                f"an example of {mask.area} pixels is too small: it needs "
                f"{LEAST_PIXELS} or more"
            )
        y0, x0, y1, x1 = mask.bbox
        if y0 < 0 or x0 < 0 or y1 > h or x1 > w:
            raise PromptError(
                f"the example at {mask.bbox} does not lie on the plane of {h} x {w} "
                "pixels: give one of this image"
            )
        found.append(example)
    return found
