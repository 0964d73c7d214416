"""Features of objects: scores, size, prompts, confidence, as a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_hqsam.geometry import Plane
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.sessions.journal.headers import LabelsRecord
    from napari_hqsam.sessions.objects import ObjectTable

COLUMNS = (
    "index",
    "plane",
    "score",
    "stability",
    "pixels",
    "area",
    "unit",
    "model",
    "prompts",
    "level",
    "confidence",
    "worst",
)


def feature_row(table: ObjectTable, label_id: int) -> list[Any]:
    """Return the features of one object.

    Parameters
    ----------
    table : ObjectTable
        The objects.
    label_id : int
        Which one.

    Returns
    -------
    list
        One value for each of `COLUMNS`. index: the label id, as napari calls
        it. plane: index of the planes that its masks lie on, such as "3", or
        "3 .. 17" for the first and the last. score, stability: the lowest of
        its masks, NaN without any. pixels: their number now, on all planes.
        area: the same in `unit`, such as "micrometer^2"; NaN where the size of
        a pixel is unknown, where the object was there before the session, or where
        its planes lie along different axes.
        model: name of the model, or of several. prompts: number of points,
        boxes and masks that it was made from. level: the coarsest level at
        which it was segmented, NaN if there is none. confidence: the lowest of the
        planes on which it was derived (propagated through a stack, or found
        automatically), NaN without any; worst: index of that plane, such as "17".
    """
    made = table.made.get(label_id, {})
    masks = [accept for accepts in made.values() for accept in accepts]
    derived = table.derived.get(label_id, {})
    planes = list(dict.fromkeys([*made, *derived]))
    unsure = {p: c for p, c in derived.items() if c is not None}
    worst = min(unsure, key=lambda p: (unsure[p], p.index), default=None)
    if not (planes or table.was_preexisting(label_id)):
        planes = [plane for plane, _ in table.places(label_id)]
    pixels = math.nan if table.was_preexisting(label_id) else table.pixels[label_id]
    size, unit = _pixel_area(table.labels, planes)
    levels = [a.mask.level for a in masks if a.mask.level is not None]
    return [
        label_id,
        _span(planes),
        min((a.mask.score for a in masks), default=math.nan),
        min((a.mask.stability for a in masks), default=math.nan),
        pixels,
        pixels * size,
        unit,
        ", ".join(sorted({a.setup.model for a in masks})),
        sum(_parts(a.prompt) for a in masks),
        max(levels, default=math.nan),
        math.nan if worst is None else unsure[worst],
        "" if worst is None else _span([worst]),
    ]


def feature_table(table: ObjectTable) -> dict[str, list[Any]]:
    """Return the features of all objects.

    Parameters
    ----------
    table : ObjectTable
        The objects.

    Returns
    -------
    dict of str to list
        By the names of `COLUMNS`, one value per object, by ascending id: the format
        of napari's ``Labels.features`` and of pandas.
    """
    rows = [feature_row(table, label_id) for label_id in table.ids]
    return {name: [row[i] for row in rows] for i, name in enumerate(COLUMNS)}


def _parts(prompt: Prompt) -> int:
    """Count the points, boxes and masks of a prompt."""
    return len(prompt.points) + (prompt.box is not None) + (prompt.mask is not None)


def _pixel_area(labels: LabelsRecord, planes: Sequence[Plane]) -> tuple[float, str]:
    """Return the area of a pixel of the planes, and its unit.

    NaN and "" if it is unknown, or not one: they lie along different axes.
    """
    axes = labels.space.axes
    seen = {"".join(axes[i] for i in plane.axes) for plane in planes} or {axes[-2:]}
    area = labels.space.area(seen.pop()) if len(seen) == 1 else None
    return area or (math.nan, "")


def _span(planes: Iterable[Plane]) -> str:
    """Return the indices of the first and last plane as text."""
    names = [",".join(map(str, p.index)) for p in sorted(planes, key=lambda p: p.index)]
    return " .. ".join(dict.fromkeys([names[0], names[-1]])) if names else ""
