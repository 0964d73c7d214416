"""Run automatic segmentation tile by tile: decode, suppress duplicates, segment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.automatic.detections import (
    Detection,
    Rules,
    magnified,
    proposed_detection,
    quality,
    select_detections,
)
from napari_hqsam.segmentation.automatic.overlaps import (
    best_first,
    suppress_duplicates,
)
from napari_hqsam.segmentation.automatic.proposing import (
    Proposal,
    Proposer,
    TileView,
    count_tiles,
    rows_of_tiles,
)
from napari_hqsam.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_hqsam.geometry import Box, Point
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.segmentation.plane.decoding import PlaneDecoder
    from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter
    from napari_hqsam.tiling import Tile

AGREEMENT = 0.5
"""Least IoU of a detection and its final mask; below, the final mask is dropped."""


@dataclass(frozen=True, eq=False)
class Area:
    """The region and level of an automatic segmentation.

    Attributes
    ----------
    decoder : PlaneDecoder
        Decodes prompts on tiles of the plane.
    level : int
        Level of the tiles.
    region : (y0, x0, y1, x1)
        Where points lie, plane pixels; masks may extend beyond it.
    """

    decoder: PlaneDecoder
    level: int
    region: Box


@dataclass(frozen=True, eq=False)
class Callbacks:
    """Callbacks of long work; an exception that either raises cancels it.

    Attributes
    ----------
    progress : callable
        Called with the number of tiles done and of all tiles, after each tile.
    check : callable
        Called between two steps that take long.
    """

    progress: Callable[[int, int], None] = lambda done, total: None
    check: Callable[[], None] = lambda: None


@dataclass(eq=False)
class AutomaticRun:
    """Iterable of the objects of a plane, one row of tiles after another.

    What the proposer proposes is decoded on its tile, unless the proposer segments;
    points that taken labels or masks of high quality cover are skipped.
    When the row of tiles below is decoded as well, the detections of a row go through
    greedy non-maximum suppression: whole ones before those cut by their tile, then by
    quality. Only those that remain are segmented in full, as `Segmenter.segment` does,
    each from its click and box; an object that its tile cuts grows from its click.

    Two rows of tiles are in memory at a time: embeddings as far as the source caches
    them, detections, and masks that extend to these rows.

    Parameters
    ----------
    segmenter : PlaneSegmenter
        Segments planes of the image.
    area : Area
        Where to look.
    proposer : Proposer
        Gives the prompts of each tile.
    rules : Rules
        Thresholds of the masks to keep.
    options : SegmentOptions
        Options of the final segmentation; the level is that of the area.
    taken : array-like (h, w), optional
        Labels of existing objects of the plane, read tile by tile.
    callbacks : Callbacks
        Callbacks for progress and cancelling.
    """

    segmenter: PlaneSegmenter
    area: Area
    proposer: Proposer
    rules: Rules = field(default_factory=Rules)
    options: SegmentOptions = field(default_factory=SegmentOptions)
    taken: Any = None
    callbacks: Callbacks = field(default_factory=lambda: Callbacks())

    def __iter__(self) -> Iterator[Mask]:
        """Yield masks of full resolution, each as soon as it is final."""
        decoder, area = self.area.decoder, self.area
        where = decoder.grid, area.level, area.region
        rows, total = rows_of_tiles(*where), count_tiles(*where)
        done = 0
        above: list[Detection] = []
        waiting: list[Detection] = []
        given: list[Mask] = []
        for row in rows:
            fresh: list[Detection] = []
            for tile in row:
                fresh += self._detect(tile, [*above, *waiting, *fresh])
                done += 1
                self.callbacks.progress(done, total)
            above = self._chosen(waiting, fresh, above)
            top = min(tile.y0 for tile in row)
            yield from self._finished(above, given, top)
            waiting = fresh
        yield from self._finished(self._chosen(waiting, [], above), given, 0)

    # --- decode -------------------------------------------------------------

    def _detect(self, tile: Tile, known: Sequence[Detection]) -> list[Detection]:
        """Decode the proposals of a tile at low cost, and suppress duplicates."""
        here = [f for f in known if self._sure(f) and _meets(f, tile)]
        found: list[Detection] = []
        decoder = self.area.decoder
        for phase in self.proposer.propose(TileView(decoder, tile)):
            self.callbacks.check()
            new = [
                proposed_detection(each, decoder.grid, tile)
                for each in self._not_on_taken(phase)
                if each.mask is not None
            ]
            asked = [
                each
                for each in self._not_on_taken(phase)
                if each.mask is None
                and (each.own_object or not _covered(here, each.prompt.points[0]))
            ]
            # decoding an empty list would still encode the tile
            prompts = [each.prompt for each in asked]
            answers = decoder.decode(prompts, tile, hq=False) if prompts else []
            for each, answer in zip(asked, answers, strict=True):
                new += select_detections(answer, each, decoder.grid, self.rules)
            found += new
            here += [f for f in new if self._sure(f)]
        # few remain; they are compared with those of the neighbouring tiles later
        order = best_first(found)
        stays = suppress_duplicates([f.mask for f in order], [], self.rules)
        return [order[i] for i in stays]

    def _sure(self, detection: Detection) -> bool:
        sure = self.rules.sure_quality
        return not detection.cut and sure is not None and detection.quality >= sure

    def _not_on_taken(self, proposals: Sequence[Proposal]) -> list[Proposal]:
        """Drop proposals whose first point lies on an existing object."""
        if self.taken is None or not proposals:
            return list(proposals)
        points = [each.prompt.points[0] for each in proposals]
        pixels = np.floor(np.array(points) + 0.5).astype(int)
        (y0, x0), (y1, x1) = pixels.min(0), pixels.max(0) + 1
        labels = np.asarray(self.taken[y0:y1, x0:x1])
        free = labels[tuple((pixels - (y0, x0)).T)] == 0
        return [each for each, is_free in zip(proposals, free, strict=True) if is_free]

    # --- choose -------------------------------------------------------------

    def _chosen(
        self,
        waiting: Sequence[Detection],
        fresh: Sequence[Detection],
        above: Sequence[Detection],
    ) -> list[Detection]:
        """Suppress duplicates in a row, given the rows above and below."""
        order = best_first([*waiting, *fresh])
        stays = suppress_duplicates(
            [f.mask for f in order], [f.mask for f in above], self.rules
        )
        mine = set(map(id, waiting))
        return [order[i] for i in stays if id(order[i]) in mine]

    # --- segment ------------------------------------------------------------

    def _finished(
        self, detections: Sequence[Detection], given: list[Mask], top: int
    ) -> Iterator[Mask]:
        """Segment detections in full; suppress duplicates among the final masks."""
        given[:] = [mask for mask in given if mask.bbox[2] > top]
        masks = [self._not_taken(mask) for mask in self._segmented(detections)]
        masks = sorted(
            (m for m in masks if m.area), key=lambda m: (-quality(m), m.bbox)
        )
        stays = [masks[i] for i in suppress_duplicates(masks, given, self.rules)]
        given += stays
        yield from stays

    def _segmented(self, detections: Sequence[Detection]) -> Iterator[Mask]:
        """Yield the masks of full resolution that agree with their detections."""
        shape = self.area.decoder.grid.plane_shape
        yield from (magnified(f, shape) for f in detections if f.by_proposer)
        prompted = [f for f in detections if not f.by_proposer]
        prompts = [
            Prompt([f.point]) if f.cut else Prompt([f.point], box=f.box)
            for f in prompted
        ]
        found = self.segmenter.iter_many(
            prompts,
            plane=self.segmenter.image.index_at(self.area.decoder.index),
            **replace(self.options, level=self.area.level).arguments(),
        )
        for i, mask in found:
            self.callbacks.check()
            if self._agree(prompted[i], mask):
                yield mask

    def _agree(self, detection: Detection, final: Mask) -> bool:
        """Whether the final mask matches the detection; always true if that was cut."""
        if detection.cut or not final.area:
            return bool(final.area)
        coarse, pitch = detection.mask, detection.pitch
        place = [
            np.floor((np.arange(first, last) + 0.5) * pitch).astype(int) - start
            for first, last, start in zip(
                coarse.bbox[:2], coarse.bbox[2:], final.bbox[:2], strict=True
            )
        ]
        on = [(p >= 0) & (p < n) for p, n in zip(place, final.data.shape, strict=True)]
        seen = final.data[np.ix_(place[0][on[0]], place[1][on[1]])]
        pixel = pitch**2
        shared = np.count_nonzero(seen & coarse.data[np.ix_(*on)]) * pixel
        return bool(shared >= AGREEMENT * (final.area + coarse.area * pixel - shared))

    def _not_taken(self, mask: Mask) -> Mask:
        """Remove pixels of existing objects; empty the mask if these are most of it."""
        if self.taken is None or not mask.area:
            return mask
        y0, x0, y1, x1 = mask.bbox
        free = mask.data & (np.asarray(self.taken[y0:y1, x0:x1]) == 0)
        if 2 * np.count_nonzero(free) < mask.area:
            free = np.zeros_like(free)
        return mask.with_pixels(free)


def _covered(detections: Sequence[Detection], point: Point) -> bool:
    return any(detection.covers(point) for detection in detections)


def _meets(detection: Detection, tile: Tile) -> bool:
    """Whether the box of a detection overlaps a tile."""
    y0, x0, y1, x1 = detection.box
    top, left, bottom, right = tile.region
    return y0 < bottom and top < y1 and x0 < right and left < x1
