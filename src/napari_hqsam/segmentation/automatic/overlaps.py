"""Non-maximum suppression of duplicate masks, and resolution of overlaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.masks.algebra import intersection, minus, overlapping_boxes
from napari_hqsam.segmentation.automatic.detections import quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.segmentation.automatic.detections import Detection, Rules


def suppress_duplicates(
    masks: Sequence[Mask], kept: Sequence[Mask], rules: Rules
) -> list[int]:
    """Suppress duplicates (greedy NMS); return the indices of the masks that remain.

    Parameters
    ----------
    masks : sequence of Mask
        The best first.
    kept : sequence of Mask
        Masks that are never suppressed.
    rules : Rules
        Thresholds `iou` and `inside` above which two masks are duplicates.
    """
    areas = [m.area for m in (*kept, *masks)]
    everyone = [*kept, *masks]
    rivals: dict[int, list[int]] = {i: [] for i in range(len(masks))}
    for i, j in overlapping_boxes(masks, everyone):
        if j < i + len(kept):
            rivals[i].append(j)
    stays = [True] * len(kept)
    for i, mask in enumerate(masks):
        area = areas[i + len(kept)]
        stays.append(
            not any(
                stays[j] and _same(mask, everyone[j], area, areas[j], rules)
                for j in rivals[i]
            )
        )
    return [i for i in range(len(masks)) if stays[i + len(kept)]]


def _same(a: Mask, b: Mask, area_a: int, area_b: int, rules: Rules) -> bool:
    shared = intersection(a, b)
    if not shared:
        return False
    return (
        shared / (area_a + area_b - shared) > rules.iou
        or shared / min(area_a, area_b) > rules.inside
    )


def best_first(detections: Sequence[Detection]) -> list[Detection]:
    """Sort detections: whole ones before those that a tile cuts, then by quality."""
    return sorted(detections, key=lambda f: (f.cut, -f.quality, f.point))


def make_disjoint(masks: Sequence[Mask], least: float = 0.5) -> list[Mask]:
    """Give each shared pixel to the mask of highest quality.

    Parameters
    ----------
    masks : sequence of Mask
        On one plane.
    least : float
        Fraction of its pixels that a mask must keep; else it is left out.

    Returns
    -------
    list of Mask
        No two share a pixel; the best first.
    """
    order = sorted(masks, key=lambda m: (-quality(m), m.bbox))
    rivals: dict[int, list[int]] = {i: [] for i in range(len(order))}
    for i, j in overlapping_boxes(order, order):
        if j < i:
            rivals[i].append(j)
    done: list[Mask] = []
    for i, mask in enumerate(order):
        rest = mask
        for j in rivals[i]:
            rest = without(rest, done[j])
        # one that is left out takes no pixels either
        small = rest.area < least * mask.area or not rest.area
        done.append(mask.with_pixels(np.zeros_like(mask.data)) if small else rest)
    return [mask for mask in done if mask.area]


def without(mask: Mask, other: Mask) -> Mask:
    """Subtract the pixels of another mask from a mask."""
    rest = minus(mask, other)
    return mask if rest is mask.data else mask.with_pixels(rest)
