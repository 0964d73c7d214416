"""Average the scores of images over data sets, and make tables.

Every image of a data set has the same weight, however many objects it holds, and so
has every data set, however many images. Works on scores only; must not know how they
are computed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.evaluation.levels import AUTO, ORACLE, VIEWS, best_level
from napari_hqsam.evaluation.scoring import MEASURES, THIN
from napari_hqsam.evaluation.tables import Table, figure
from napari_hqsam.network import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.evaluation.scoring import ImageScores, Means

GATE = {"box": "ellipse", "click": "Otsu"}
"""By prompt, the baseline that the model's default output must beat."""
PROMPTS = {
    "box": "box",
    "click": "1 click",
    "clicks3": "3 clicks",
    "clicks5": "5 clicks",
}
TITLES = dict(
    zip(
        MEASURES,
        ("IoU", "BIoU 0.02", f"BIoU {THIN} px", "BIoU object", "AP", "AP50", "AP75"),
        strict=True,
    )
)


@dataclass(frozen=True)
class ReportRow:
    """Figures of a data set, of one modality in it, or of several data sets.

    Attributes
    ----------
    name : str
        Name shown in tables.
    kind : {"data set", "modality", "mean"}
        What the row averages. A modality has its own row if its data set has several.
    images, objects : int
        Numbers measured.
    means : dict
        See `scoring.Means`.
    """

    name: str
    kind: str
    images: int
    objects: int
    means: Means

    def beats(self, prompt: str) -> bool | None:
        """Whether the model beats the baseline of `GATE`; None if not measured."""
        pair = [
            self.means.get((prompt, method, "iou"))
            for method in ("sam+hq", GATE.get(prompt, ""))
        ]
        if pair[0] is None or pair[1] is None:
            return None
        return pair[0] > pair[1]


def rows_of(images: Sequence[ImageScores]) -> list[ReportRow]:
    """Average images to data sets, and data sets to their means.

    Parameters
    ----------
    images : sequence of ImageScores
        From `evaluate`; those without objects are ignored.

    Returns
    -------
    list of ReportRow
        Data sets in order, each followed by its modalities if there are several;
        then, for several data sets, their mean; and the means of the data sets with
        and without a train part, if there are both.
    """
    measured = [image for image in images if image.objects]
    rows: list[ReportRow] = []
    trained: list[bool] = []
    for name in dict.fromkeys(image.data_set for image in measured):
        own = [image for image in measured if image.data_set == name]
        trained.append(own[0].trained)
        rows.append(_row(name, "data set", own))
        modalities = list(dict.fromkeys(image.modality for image in own))
        if len(modalities) > 1:
            for modality in modalities:
                part = [image for image in own if image.modality == modality]
                rows.append(_row(f"{name}: {modality or 'others'}", "modality", part))
    sets = [row for row in rows if row.kind == "data set"]
    if len(sets) > 1:
        rows.append(_mean("mean", sets))
    if len(set(trained)) > 1:
        for flag, name in ((True, "with"), (False, "without")):
            chosen = [r for r, t in zip(sets, trained, strict=True) if t is flag]
            rows.append(_mean(f"mean {name} a train part", chosen))
    return rows


def _row(name: str, kind: str, images: Sequence[ImageScores]) -> ReportRow:
    objects = sum(image.objects for image in images)
    means = _average([image.means for image in images])
    return ReportRow(name, kind, len(images), objects, means)


def _mean(name: str, rows: Sequence[ReportRow]) -> ReportRow:
    images, objects = (
        sum(getattr(row, what) for row in rows) for what in ("images", "objects")
    )
    return ReportRow(
        name, "mean", images, objects, _average([row.means for row in rows])
    )


def _average(means: Sequence[Means]) -> Means:
    return {key: float(np.mean([m[key] for m in means])) for key in means[0]}


def tables_of(images: Sequence[ImageScores]) -> list[Table]:
    """Make the tables of a report.

    Parameters
    ----------
    images : sequence of ImageScores
        From `evaluate`.

    Returns
    -------
    list of Table
        IoU of each kind of prompts, data set by data set, with the baselines;
        boundary IoU of the three outputs; all measures, averaged over data sets;
        and the levels and zooms, if they were measured.
    """
    rows = rows_of(images)
    prompts = list(dict.fromkeys(prompt for prompt, _, _ in rows[0].means))
    tables = [_iou_table(rows, prompt) for prompt in prompts]
    tables += [_boundary_table(rows, p) for p in prompts if p in GATE]
    tables.append(_measures_table(next((r for r in rows if r.kind == "mean"), rows[0])))
    with_levels = [image for image in images if image.levels]
    if not with_levels:
        return tables
    return [*tables, _levels_table(with_levels), _views_table(with_levels)]


def gate_of(rows: Sequence[ReportRow]) -> list[str]:
    """List, in lines, on which data sets and modalities the model beats `GATE`."""
    lines = []
    for prompt, rival in GATE.items():
        verdicts = {row.name: row.beats(prompt) for row in rows if row.kind != "mean"}
        known = {name: won for name, won in verdicts.items() if won is not None}
        if known:
            lost = [name for name, won in known.items() if not won]
            line = f"{PROMPTS[prompt]}: beats {rival} on {len(known) - len(lost)}"
            line += f" of {len(known)} data sets and modalities"
            lines.append(line + (f"; not on {', '.join(lost)}" if lost else ""))
    return lines


def as_json(images: Sequence[ImageScores]) -> dict[str, Any]:
    """Convert all figures to a dict for JSON.

    Parameters
    ----------
    images : sequence of ImageScores
        From `evaluate`.

    Returns
    -------
    dict
        "rows" (data sets, modalities, means) and "images"; the scores of each are
        nested as prompts, method, measure.
    """
    return {
        "rows": [
            {
                "name": row.name,
                "kind": row.kind,
                "images": row.images,
                "objects": row.objects,
                "beats": {p: row.beats(p) for p in GATE if row.beats(p) is not None},
                "scores": _nested(row.means),
            }
            for row in rows_of(images)
        ],
        "images": [asdict(i) | {"means": _nested(i.means)} for i in images],
    }


def _nested(means: Means) -> dict[str, dict[str, dict[str, float]]]:
    nested: dict[str, dict[str, dict[str, float]]] = {}
    for (prompt, method, measure), value in means.items():
        nested.setdefault(prompt, {}).setdefault(method, {})[measure] = round(value, 4)
    return nested


# --- the tables ------------------------------------------------------------


def _iou_table(rows: Sequence[ReportRow], prompt: str) -> Table:
    methods = _methods(rows[0], prompt)
    gated = rows[0].beats(prompt) is not None
    table = Table(
        f"IoU, {PROMPTS[prompt]}",
        ["data set", "images", "objects", *methods]
        + ([f"beats {GATE[prompt]}"] if gated else []),
    )
    for row in rows:
        values = [figure(row.means[prompt, method, "iou"]) for method in methods]
        verdict = ["yes" if row.beats(prompt) else "no"] if gated else []
        table.add([row.name, str(row.images), str(row.objects), *values, *verdict])
    return table


def _boundary_table(rows: Sequence[ReportRow], prompt: str) -> Table:
    measures = [m for m in TITLES if m.startswith("boundary")]
    table = Table(
        f"Boundary IoU, {PROMPTS[prompt]}",
        ["data set"] + [f"{TITLES[m][5:]} {o}" for m in measures for o in OUTPUTS],
    )
    for row in rows:
        values = [row.means[prompt, o, m] for m in measures for o in OUTPUTS]
        table.add([row.name, *map(figure, values)])
    return table


def _measures_table(row: ReportRow) -> Table:
    table = Table(f"All measures, {row.name}", ["prompts", "method", *TITLES.values()])
    for prompt in dict.fromkeys(prompt for prompt, _, _ in row.means):
        for method in _methods(row, prompt):
            values = [figure(row.means[prompt, method, m]) for m in TITLES]
            table.add([PROMPTS[prompt], method, *values])
    return table


def _levels_table(images: Sequence[ImageScores]) -> Table:
    named = AUTO, ORACLE
    levels = sorted(
        {k for image in images for k in image.levels if k not in named}, key=int
    )
    table = Table(
        "IoU of 1 click, by level",
        ["image", *levels, *named, "best level", "best - auto"],
    )
    gaps = []
    for image in images:
        best, gap = best_level(image.levels)
        gaps.append(gap)
        values = [
            figure(image.levels[level]) if level in image.levels else "-"
            for level in (*levels, *named)
        ]
        table.add([f"{image.data_set}/{image.image}", *values, best, figure(gap)])
    means = [
        figure(float(np.mean([image.levels[name] for image in images])))
        for name in named
    ]
    table.add(["mean", *[""] * len(levels), *means, "", figure(float(np.mean(gaps)))])
    return table


def _views_table(images: Sequence[ImageScores]) -> Table:
    """Make a table with a row per data set, averaged over images, and their mean."""
    table = Table("IoU of 1 click, by the zoom of the view", ["data set", *VIEWS])
    rows = []
    for name in dict.fromkeys(image.data_set for image in images):
        own = [image.views for image in images if image.data_set == name]
        rows.append([float(np.mean([views[v] for views in own])) for v in VIEWS])
        table.add([name, *map(figure, rows[-1])])
    table.add(["mean", *map(figure, np.mean(rows, 0).tolist())])
    return table


def _methods(row: ReportRow, prompt: str) -> list[str]:
    return list(dict.fromkeys(m for p, m, _ in row.means if p == prompt))
