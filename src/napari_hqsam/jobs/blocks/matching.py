"""Match the objects of two cells: mutual best by IoU, or one in the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.masks.linking import MIN_OVERLAP, OverlappingPair, overlapping_pairs
from napari_hqsam.segmentation.automatic import Rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_hqsam.masks.mask import Mask

SAME, DUPLICATES = 1, 2
"""Kinds of pairs: parts of one object; or duplicates, the better of which is kept."""


def match_masks(first: Sequence[Mask], second: Sequence[Mask]) -> NDArray[np.int64]:
    """Match the masks of two cells.

    Two masks may be the same object if their IoU is at least `MIN_OVERLAP`, or if the
    smaller lies in the larger by `INSIDE` of its area (see `masks.linking`). They are
    the same object if each is the best match of the other (mutual best match). Other
    pairs that overlap more than `Rules` allows are duplicates.

    Parameters
    ----------
    first, second : sequence of Mask

    Returns
    -------
    (n, 3) int64 array
        Index of the first, index of the second, kind (`SAME` or `DUPLICATES`).
    """
    pairs = list(overlapping_pairs(dict(enumerate(first)), dict(enumerate(second))))
    likely = [pair for pair in pairs if pair.may_match(MIN_OVERLAP)]
    best = _best(likely, "before"), _best(likely, "now")
    rules = Rules()
    found = []
    for pair in pairs:
        if best[0].get(pair.before) is pair and best[1].get(pair.now) is pair:
            found.append((pair.before, pair.now, SAME))
        elif pair.iou > rules.iou or max(pair.of_before, pair.of_now) > rules.inside:
            found.append((pair.before, pair.now, DUPLICATES))
    return np.array(found, np.int64).reshape(-1, 3)


def _best(pairs: Iterable[OverlappingPair], side: str) -> dict[int, OverlappingPair]:
    """Return the pair of highest IoU of each object; the first of several."""
    best: dict[int, OverlappingPair] = {}
    for pair in sorted(pairs, key=lambda p: (-p.iou, p.before, p.now)):
        best.setdefault(getattr(pair, side), pair)
    return best
