"""How much the choice of the level costs: "auto" against every fixed level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_hqsam.evaluation.clicking import FOLLOWED, first_click, on_common_window
from napari_hqsam.evaluation.metrics import iou
from napari_hqsam.prompts import Prompt
from napari_hqsam.tiling.grid import FINEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.segmentation import Mask, Segmenter
    from napari_hqsam.segmentation.levels import Level

AUTO: Literal["auto"] = "auto"


def level_scores(segmenter: Segmenter, objects: Sequence[Mask]) -> dict[str, float]:
    """Mean IoU of one click on each object, level by level.

    Parameters
    ----------
    segmenter : Segmenter
        Of an image of one plane.
    objects : sequence of Mask
        The truth; at least one.

    Returns
    -------
    dict
        Level to mean IoU: "auto", and every level of the plane's grid, the coarsest
        first, as text.
    """
    levels: list[Level] = [AUTO, *range(segmenter.grid.coarsest, FINEST - 1, -1)]
    clicks = [Prompt([first_click(truth)]) for truth in objects]
    means = {}
    for level in levels:
        found = [segmenter.outputs(click, level=level)[FOLLOWED] for click in clicks]
        pairs = map(on_common_window, found, objects)
        means[str(level)] = float(np.mean([iou(a, b) for a, b, _ in pairs]))
    return means


def best_level(scores: dict[str, float]) -> tuple[str, float]:
    """Find the best fixed level of an image, and how far "auto" is below it.

    Parameters
    ----------
    scores : dict
        From `level_scores`.

    Returns
    -------
    level : str
    gap : float
        Negative where "auto", which chooses object by object, is better.
    """
    fixed = {level: value for level, value in scores.items() if level != AUTO}
    best = max(fixed, key=lambda level: fixed[level])
    return best, fixed[best] - scores[AUTO]
