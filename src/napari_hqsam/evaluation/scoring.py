"""Score the masks for prompts on one image against its labels.

Works on label images, masks and measures; must not know files, tables or how scores
are averaged over images.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage
from skimage.color import rgb2gray

from napari_hqsam.evaluation.baselines import BOX_BASELINES, CLICK_BASELINES
from napari_hqsam.evaluation.clicking import (
    answers,
    first_click,
    on_common_window,
    tight_box,
)
from napari_hqsam.labels import paint
from napari_hqsam.masks import Mask
from napari_hqsam.masks.metrics import (
    average_precision,
    boundary_ious,
    boundary_width,
    iou,
    object_width,
    rank_labels,
)
from napari_hqsam.network import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_hqsam.evaluation.clicking import Kind
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.segmentation.options import Level

THIN = 2
"""Width in pixels of the thinnest boundary that is measured."""
MASK_MEASURES = ("iou", "boundary_iou", f"boundary_iou_{THIN}px", "boundary_iou_object")
"""IoU, and boundary IoU with a width of 0.02 of the plane's diagonal, of `THIN`
pixels, and of a tenth of the square root of the object's area."""
MEASURES = (*MASK_MEASURES, "ap", "ap50", "ap75")
"""All measures: also average precision at IoU .50:.05:.95, at .50 and at .75."""
MIN_AREA = 10
"""Least area, pixels. Smaller objects are annotation specks: skipped, and counted."""

Means = dict[tuple[str, str, str], float]
"""(prompts, method, measure) to a figure in 0..1. Methods are the model's outputs and
the baselines; for the measures see `MEASURES`."""


@dataclass
class ImageScores:
    """Scores of one image.

    Attributes
    ----------
    data_set, image : str
        Names of the data set and of the file.
    modality : str
        Imaging modality; "" if it is unknown.
    trained : bool
        Whether the data set has a train part.
    objects, skipped : int
        Objects measured, and those below `MIN_AREA` pixels.
    means : dict
        See `Means`: over the objects; the average precision is that of all their
        masks painted into one label image, against the same objects.
    levels : dict
        Mean IoU of one click by level, if requested; see `levels`.
    views : dict
        Mean IoU of one click by zoom of the view, if requested.
    """

    data_set: str
    image: str
    modality: str
    trained: bool
    objects: int
    skipped: int
    means: Means = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)
    views: dict[str, float] = field(default_factory=dict)


def choose_objects(
    labels: NDArray[Any], max_objects: int | None, seed: Sequence[int]
) -> tuple[list[Mask], int]:
    """Choose the objects of a label image that are measured.

    Parameters
    ----------
    labels : (h, w) integer array
        0 and negative values are background.
    max_objects : int, optional
        Most objects, drawn at random.
    seed : sequence of int
        Seed of the draw.

    Returns
    -------
    objects : list of Mask
        In the order of their ids.
    skipped : int
        Number of objects smaller than `MIN_AREA` pixels.
    """
    ids, ranks = rank_labels(labels)
    areas = np.bincount(ranks.ravel(), minlength=len(ids) + 1)[1:]
    kept = np.flatnonzero(areas >= MIN_AREA) + 1
    skipped = len(ids) - len(kept)
    if max_objects is not None and len(kept) > max_objects:
        rng = np.random.default_rng(seed)
        kept = np.sort(rng.choice(kept, max_objects, replace=False))
    windows = ndimage.find_objects(ranks)
    objects = []
    for rank in kept:
        rows, columns = windows[rank - 1]
        crop = ranks[rows, columns] == rank
        objects.append(Mask.from_crop(crop, (rows.start, columns.start), 1.0, 1.0))
    return objects, skipped


def score_objects(
    segmenter: Segmenter,
    objects: Sequence[Mask],
    kinds: Sequence[Kind],
    *,
    level: Level = "auto",
    baselines: bool = True,
) -> Means:
    """Prompt for objects of a plane in several ways and score the masks.

    Parameters
    ----------
    segmenter : Segmenter
        Segments the image, which has one plane.
    objects : sequence of Mask
        True masks.
    kinds : sequence of str
        See `clicking.KINDS`.
    level : {"auto", "whole"} or int
        See `Segmenter.segment`.
    baselines : bool
        Also score the classical methods.

    Returns
    -------
    dict
        See `Means`; empty without objects.
    """
    shape = segmenter.image.plane_shape
    grey = grey_plane(segmenter) if baselines else None
    found: dict[tuple[str, str], list[Mask]] = {}
    for truth in objects:
        for kind, outputs in answers(segmenter, truth, kinds, level).items():
            for output in OUTPUTS:
                found.setdefault((kind, output), []).append(outputs[output])
        if grey is not None:
            for kind, masks in classical_answers(grey, truth, kinds).items():
                for method, mask in masks.items():
                    found.setdefault((kind, method), []).append(mask)
    return {
        (kind, method, measure): value
        for (kind, method), masks in found.items()
        for measure, value in _scores(masks, objects, shape).items()
    }


def grey_plane(segmenter: Segmenter) -> NDArray[np.uint8]:
    """Read the plane as normalised for the model, in grey."""
    rgb = segmenter.normalization.to_rgb8(segmenter.image.read_plane())
    return np.asarray(255 * rgb2gray(rgb) + 0.5).astype(np.uint8)


def classical_answers(
    grey: NDArray[np.uint8], truth: Mask, kinds: Sequence[Kind]
) -> dict[Kind, dict[str, Mask]]:
    """Run the baselines with the same click and the same box."""
    found: dict[Kind, dict[str, Mask]] = {}
    if "click" in kinds:
        click = first_click(truth)
        found["click"] = {k: _mask(f(grey, click)) for k, f in CLICK_BASELINES.items()}
    if "box" in kinds:
        box = tight_box(truth)
        found["box"] = {k: _mask(f(grey, box)) for k, f in BOX_BASELINES.items()}
    return found


def _mask(plane: NDArray[np.bool_]) -> Mask:
    return Mask.from_crop(plane, (0, 0), 1.0, 1.0)


def _scores(
    found: Sequence[Mask], objects: Sequence[Mask], shape: tuple[int, int]
) -> dict[str, float]:
    """Average the scores of masks, one per object."""
    each = [
        compare(mask, truth, shape) for mask, truth in zip(found, objects, strict=True)
    ]
    means = {name: float(np.mean([row[name] for row in each])) for name in each[0]}
    precision = average_precision(paint_all(found, shape), paint_all(objects, shape))
    return means | {name.lower(): precision[name] for name in ("AP", "AP50", "AP75")}


def compare(found: Mask, truth: Mask, shape: tuple[int, int]) -> dict[str, float]:
    """Score a mask on a plane of (h, w) pixels: IoU and the three boundary IoUs."""
    a, b, _ = on_common_window(found, truth)
    widths = boundary_width(shape), THIN, object_width(truth.area)
    values = [iou(a, b), *boundary_ious(a, b, widths)]
    return dict(zip(MASK_MEASURES, values, strict=True))


def paint_all(masks: Sequence[Mask], shape: tuple[int, int]) -> NDArray[np.int32]:
    """Paint masks into one label image; the more stable mask wins contested pixels."""
    labels = np.zeros(shape, np.int32)
    for i in sorted(range(len(masks)), key=lambda i: -masks[i].stability):
        if masks[i].area:
            paint(labels, masks[i].bbox, masks[i].data, i + 1)
    return labels
