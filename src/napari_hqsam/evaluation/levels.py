"""Compare the automatic level with fixed levels, with an oracle, and across zooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_hqsam.evaluation.clicking import CORRECTED, first_click, on_common_window
from napari_hqsam.masks.metrics import iou
from napari_hqsam.prompts import Prompt
from napari_hqsam.tiling.grid import FINEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.masks import Mask
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.segmentation.options import Level

AUTO: Literal["auto"] = "auto"
ORACLE = "oracle"
"""Best level of each object by its true mask: the upper bound of "auto"."""
UNKNOWN, FITTED = "unknown", "image fitted"
VIEWS = {
    UNKNOWN: None,
    FITTED: None,
    "object 1/20": 1 / 20,
    "object 1/9": 1 / 9,
    "object 1/4": 1 / 4,
}
"""Views in which objects are clicked on, with the fraction of the view they take."""


def level_scores(segmenter: Segmenter, objects: Sequence[Mask]) -> dict[str, float]:
    """Compute the mean IoU of one click on each object, at every level.

    Parameters
    ----------
    segmenter : Segmenter
        Segments the image, which has one plane.
    objects : sequence of Mask
        True masks; at least one.

    Returns
    -------
    dict
        Mean IoU of "auto", of every level of the plane's grid, the coarsest first, as
        text, and of the "oracle".
    """
    levels: list[Level] = [AUTO, *range(segmenter.grid.coarsest, FINEST - 1, -1)]
    clicks = [Prompt([first_click(truth)]) for truth in objects]
    scores: dict[str, list[float]] = {}
    for level in levels:
        found = [segmenter.outputs(click, level=level)[CORRECTED] for click in clicks]
        pairs = map(on_common_window, found, objects)
        scores[str(level)] = [iou(a, b) for a, b, _ in pairs]
    fixed = [scores[str(level)] for level in levels if level != AUTO]
    best = [max(of_object) for of_object in zip(*fixed, strict=True)]
    return {
        level: float(np.mean(values))
        for level, values in (scores | {ORACLE: best}).items()
    }


def view_scores(segmenter: Segmenter, objects: Sequence[Mask]) -> dict[str, float]:
    """Compute the mean IoU of one click on each object, for every zoom of the view.

    Parameters
    ----------
    segmenter, objects
        As for `level_scores`.

    Returns
    -------
    dict
        Mean IoU by name of the view, all with level "auto".
    """
    means: dict[str, list[float]] = {view: [] for view in VIEWS}
    for truth in objects:
        click = Prompt([first_click(truth)])
        y0, x0, y1, x1 = truth.bbox
        for view, share in VIEWS.items():
            extent: float | None = max(segmenter.image.plane_shape)
            if view == UNKNOWN:
                extent = None
            elif share is not None:
                extent = max(y1 - y0, x1 - x0) / share
            found = segmenter.outputs(click, view_extent=extent)[CORRECTED]
            on, target, _ = on_common_window(found, truth)
            means[view].append(iou(on, target))
    return {view: float(np.mean(values)) for view, values in means.items()}


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
    fixed = {k: value for k, value in scores.items() if k not in (AUTO, ORACLE)}
    best = max(fixed, key=lambda level: fixed[level])
    return best, fixed[best] - scores[AUTO]
