"""Proposals of an instance decoder: points of objects, or the objects themselves.

`PointProposer` is "automatic prompt generation" (APG; Archit & Pape, "Revisiting
foundation models for cell instance segmentation", MIDL 2026): one point per object
that the decoder sees, which SAM segments. `ObjectProposer` is micro-sam's "automatic
instance segmentation" (AIS; Archit et al., Nature Methods 2025): a watershed on the
decoder's maps. Both work on maps stitched around a tile (`stitching`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_hqsam.masks import Logits
from napari_hqsam.masks.instance_maps import instance_targets
from napari_hqsam.masks.mask import Mask
from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.automatic.proposing import Proposal, owns
from napari_hqsam.segmentation.automatic.stitching import PITCH, stitch
from napari_hqsam.segmentation.automatic.watershed import (
    Seeds,
    find_seeds,
    grow_seeds,
    innermost_points,
    object_logits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box, FloatBox, Point
    from napari_hqsam.models import InstanceTuning
    from napari_hqsam.segmentation.automatic.proposing import TileView
    from napari_hqsam.segmentation.automatic.stitching import MapWindow
    from napari_hqsam.tiling import Grid

LEAST_AREA = 6
"""Area of the smallest object, pixels of the maps."""


class PointProposer:
    """One point per object that the instance decoder sees (APG); a `Proposer`.

    Parameters
    ----------
    region : (y0, x0, y1, x1)
        Plane pixels, half-open: points within.
    tuning : InstanceTuning
        Parameters that separate objects in the maps.
    boxed_quality : float, optional
        Where no point gave a mask of high quality, the watershed's object is prompted
        again with its box, and this is the least quality of that mask; seeds of very
        small objects are left out. None: by points alone, as published.
    """

    def __init__(
        self, region: Box, tuning: InstanceTuning, boxed_quality: float | None = None
    ) -> None:
        self._region, self._tuning = region, tuning
        self._boxed_quality = boxed_quality

    def propose(self, view: TileView) -> list[list[Proposal]]:
        """Propose points of the objects that the tile owns, then boxes of the same.

        Those of highest score come first.
        """
        window = stitch(view)
        seeds = find_seeds(window.maps, self._tuning)
        depths = _depths(seeds)
        owned = sorted(
            _owned_points(view, window, seeds.labels, self._region),
            key=lambda each: -depths[each[0] - 1],
        )
        if self._boxed_quality is None or not owned:
            return [_points(owned, depths)]
        labels = grow_seeds(seeds, self._tuning, LEAST_AREA)
        boxes = dict(enumerate(ndimage.find_objects(labels), 1))
        owned = [each for each in owned if boxes.get(each[0]) is not None]
        points, grid = _points(owned, depths), view.decoder.grid
        boxed = [
            replace(
                each,
                prompt=Prompt([point], box=_plane_box(window, boxes[label], grid)),
                own_object=False,
                least_quality=self._boxed_quality,
            )
            for each, (label, point) in zip(points, owned, strict=True)
        ]
        return [points, boxed]


class ObjectProposer:
    """The objects that a watershed finds in the decoder's maps (AIS); a `Proposer`.

    An object that the stitched maps cut off is proposed as a point without a mask.

    Parameters
    ----------
    region : (y0, x0, y1, x1)
        Plane pixels, half-open: objects whose innermost point lies within.
    tuning : InstanceTuning
        Parameters that separate objects in the maps.
    """

    def __init__(self, region: Box, tuning: InstanceTuning) -> None:
        self._region, self._tuning = region, tuning

    def propose(self, view: TileView) -> list[list[Proposal]]:
        """Propose objects whose innermost point the tile owns; highest score first."""
        window = stitch(view)
        seeds = find_seeds(window.maps, self._tuning)
        labels = grow_seeds(seeds, self._tuning, LEAST_AREA)
        scores = object_scores(window.maps, labels)
        boxes = ndimage.find_objects(labels)
        found = []
        for i, point in _owned_points(view, window, seeds.labels, self._region):
            box = boxes[i - 1] if i <= len(boxes) else None
            if box is None:  # too small
                continue
            score, mask = float(scores[i - 1]), None
            if not _runs_out(box, labels.shape, window.open_sides):
                crop = tuple(slice(max(s.start - 2, 0), s.stop + 2) for s in box)
                soft = object_logits(
                    labels[crop], i, seeds.foreground[crop], self._tuning.foreground
                )
                mask = _cut_out(window, crop, labels[crop] == i, soft, score)
            found.append(Proposal(Prompt([point]), score, own_object=True, mask=mask))
        return [sorted(found, key=lambda each: -each.score)]


def _points(
    owned: Sequence[tuple[int, Point]], depths: NDArray[np.float64]
) -> list[Proposal]:
    """Propose the point of each label."""
    return [
        Proposal(Prompt([point]), float(depths[label - 1]), own_object=True)
        for label, point in owned
    ]


def _plane_box(window: MapWindow, box: tuple[slice, slice], grid: Grid) -> FloatBox:
    """Return the continuous plane coordinates of a box in a window of maps."""
    h, w = grid.plane_shape
    (row, col), (rows, columns), pitch = window.corner, box, window.pitch
    return (
        (row + rows.start) * pitch - 0.5,
        (col + columns.start) * pitch - 0.5,
        min((row + rows.stop) * pitch, h) - 0.5,
        min((col + columns.stop) * pitch, w) - 0.5,
    )


def _cut_out(
    window: MapWindow,
    crop: tuple[slice, ...],
    on: NDArray[np.bool_],
    soft: NDArray[np.float32],
    score: float,
) -> Mask:
    """Make the mask of an object in canvas pixels, with its logits on the plane."""
    row, col = (
        start + each.start for start, each in zip(window.corner, crop, strict=True)
    )
    offset = row * window.pitch, col * window.pitch
    logits = Logits(soft.astype(np.float16), offset, window.pitch)
    level = int(np.log2(window.pitch / PITCH))
    return Mask.from_crop(on, (row, col), score, 1.0, level=level, logits=logits)


def object_scores(
    maps: NDArray[np.float32], labels: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Score how well objects fit the maps that they were made from, 0..1.

    The mean foreground, times 1 minus the mean difference of both distances from
    the exact distances for these objects: where a decoder fails, for instance because
    objects are too large or too small for it, its distances do not match.

    Parameters
    ----------
    maps : (3, h, w) float32 array
    labels : (h, w) int32 array

    Returns
    -------
    (n,) float64 array
        Scores of the labels 1..n; 0 where there is none.
    """
    count = int(labels.max(initial=0))
    ids = np.arange(1, count + 1)
    if not count:
        return np.zeros(0)
    ideal = instance_targets(labels)
    misfit = np.abs(maps[1:] - ideal[1:]).mean(0)
    there = np.bincount(labels.ravel(), minlength=count + 1)[1:] > 0
    scores = np.zeros(count)
    foreground, misfits = (
        np.asarray(ndimage.mean(each, labels, ids[there])) for each in (maps[0], misfit)
    )
    scores[there] = foreground * np.clip(1 - misfits, 0, 1)
    return scores


def _owned_points(
    view: TileView, window: MapWindow, labels: NDArray[np.int32], region: Box
) -> Iterator[tuple[int, Point]]:
    """Yield label and innermost point of the objects that a tile owns in a region."""
    y0, x0, y1, x1 = region
    for label, place in enumerate(innermost_points(labels), 1):
        y, x = (
            float((start + i + 0.5) * window.pitch - 0.5)
            for start, i in zip(window.corner, place, strict=True)
        )
        inside = y0 <= y + 0.5 < y1 and x0 <= x + 0.5 < x1
        if inside and owns(view.decoder.grid, view.tile, (y, x)):
            yield label, (y, x)


def _depths(seeds: Seeds) -> NDArray[np.float64]:
    """Return the depth of each seed in its object, 0..1: 1 where distances are 0."""
    ids = range(1, int(seeds.labels.max(initial=0)) + 1)
    return 1 - np.asarray(ndimage.minimum(seeds.elevation, seeds.labels, ids), float)


def _runs_out(
    box: tuple[slice, slice],
    shape: tuple[int, ...],
    open_sides: tuple[bool, bool, bool, bool],
) -> bool:
    """Whether an object touches a window side beyond which the plane continues."""
    rows, columns = box
    touches = (
        rows.start == 0,
        columns.start == 0,
        rows.stop == shape[0],
        columns.stop == shape[1],
    )
    return any(a and b for a, b in zip(touches, open_sides, strict=True))
