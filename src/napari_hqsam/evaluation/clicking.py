"""Simulate a user's prompts for an object whose true mask is known.

The tight box, or clicks as in the SAM paper (section 7.1, appendix D): the first
in the middle of the object, each further one in the middle of the larger error, with
the current mask as mask prompt. Works on masks and a segmenter; must not know files
or scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from napari_hqsam.errors import PromptError
from napari_hqsam.masks.algebra import deepest_pixel, pixel_box
from napari_hqsam.prompts import Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import FloatBox, Point
    from napari_hqsam.masks import Mask
    from napari_hqsam.network import Output
    from napari_hqsam.segmentation import Segmenter
    from napari_hqsam.segmentation.options import Level

Kind = Literal["box", "click", "clicks3", "clicks5"]
KINDS: tuple[Kind, ...] = get_args(Kind)

CLICKS: dict[Kind, int] = {"click": 1, "clicks3": 3, "clicks5": 5}
"""Numbers of clicks after which the mask is scored."""
CORRECTED: Output = "sam+hq"
"""Output whose errors the clicks correct: the one a user sees by default. All outputs
are scored on the same clicks, and each prompt is decoded once for all of them."""


def check_kinds(kinds: Sequence[str]) -> tuple[Kind, ...]:
    """Return kinds of prompts without repeats, in the order of `KINDS`.

    Raises
    ------
    PromptError
        If a kind is unknown or none is given.
    """
    for kind in kinds:
        if kind not in KINDS:
            known = ", ".join(KINDS)
            raise PromptError(f"prompts {kind!r} are unknown; use one of {known}")
    if not kinds:
        raise PromptError(f"no kind of prompts; use one or more of {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in kinds)


def tight_box(truth: Mask) -> FloatBox:
    """Return the box along the outer borders of the object's pixels."""
    return pixel_box(truth.data, truth.bbox[:2])


def first_click(truth: Mask) -> Point:
    """Return the object's pixel (y, x) that is furthest from its border."""
    (y, x), _ = deepest_pixel(truth.data)
    return float(truth.bbox[0] + y), float(truth.bbox[1] + x)


def next_click(
    found: Mask, truth: Mask, earlier: Sequence[Point]
) -> tuple[Point, int] | None:
    """Find the next click: the deepest pixel of the false negatives or positives.

    Parameters
    ----------
    found, truth : Mask
        The current mask, and the object.
    earlier : sequence of (y, x)
        Clicks so far. Pixels of the error that were clicked on already are excluded,
        so that no click is repeated.

    Returns
    -------
    point, label : (y, x) and int, or None
        Label 1 for a false negative, 0 for a false positive; None if there is no
        error (left) to correct.
    """
    on, target, (y0, x0) = on_common_window(found, truth)
    clicked = np.zeros(on.shape, np.bool_)
    for y, x in earlier:
        row, column = int(y) - y0, int(x) - x0
        if 0 <= row < on.shape[0] and 0 <= column < on.shape[1]:
            clicked[row, column] = True
    best: tuple[Point, int] | None = None
    deepest = 0.0
    for label, wrong in ((1, target & ~on & ~clicked), (0, on & ~target & ~clicked)):
        if wrong.any():
            (y, x), depth = deepest_pixel(wrong)
            if depth > deepest:
                best, deepest = ((float(y0 + y), float(x0 + x)), label), depth
    return best


def on_common_window(
    a: Mask, b: Mask
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], tuple[int, int]]:
    """Crop two masks to the smallest window that holds both; return its first pixel."""
    boxes = np.array([m.bbox for m in (a, b) if m.area] or [(0, 0, 0, 0)])
    (y0, x0), (y1, x1) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    planes = []
    for mask in (a, b):
        plane = np.zeros((y1 - y0, x1 - x0), np.bool_)
        if mask.area:
            top, left, bottom, right = mask.bbox
            plane[top - y0 : bottom - y0, left - x0 : right - x0] = mask.data
        planes.append(plane)
    return planes[0], planes[1], (int(y0), int(x0))


def answers(
    segmenter: Segmenter, truth: Mask, kinds: Sequence[Kind], level: Level = "auto"
) -> dict[Kind, dict[Output, Mask]]:
    """Prompt for one object in several ways and return the final masks.

    Parameters
    ----------
    segmenter : Segmenter
        For the image.
    truth : Mask
        The object, at least one pixel.
    kinds : sequence of str
        See `KINDS`; 1, 3 and 5 clicks are steps of one series of clicks.
    level : {"auto", "whole"} or int
        See `Segmenter.segment`.

    Returns
    -------
    dict
        Mask by kind and output. Clicking ends early when there is no error.
    """
    found: dict[Kind, dict[Output, Mask]] = {}
    if "box" in kinds:
        found["box"] = segmenter.outputs(Prompt(box=tight_box(truth)), level=level)
    wanted = {CLICKS[kind]: kind for kind in kinds if kind in CLICKS}
    points, labels = [first_click(truth)], [1]
    answer: dict[Output, Mask] = {}
    for count in range(1, max(wanted, default=0) + 1):
        if count == len(points):  # there was an error to correct
            earlier = answer["sam"].logits if answer else None
            prompt = Prompt(points, labels, logits=earlier)
            answer = segmenter.outputs(prompt, level=level)
            click = next_click(answer[CORRECTED], truth, points)
            if click is not None:
                points.append(click[0])
                labels.append(click[1])
        if count in wanted:
            found[wanted[count]] = answer
    return found
