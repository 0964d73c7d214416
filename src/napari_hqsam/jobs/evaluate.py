"""Evaluate a model on folders of images, and write the figures to files."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_hqsam import __version__
from napari_hqsam.evaluation import report
from napari_hqsam.jobs.files.outputs import check_apart, check_file_to_write
from napari_hqsam.jobs.inputs import JobSetup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.evaluation.evaluate import Progress
    from napari_hqsam.evaluation.scoring import ImageScores
    from napari_hqsam.jobs.inputs import PathLike
    from napari_hqsam.jobs.reporter import Reporter
    from napari_hqsam.models import Model
    from napari_hqsam.segmentation.options import Level


@dataclass(frozen=True)
class Evaluation:
    """Result of `evaluate_folders`.

    Attributes
    ----------
    about : dict
        Model, machine and options.
    scores : list of ImageScores
        From `evaluate`.
    """

    about: dict[str, Any]
    scores: list[ImageScores]

    def text(self) -> str:
        """Return the tables as plain text."""
        tables = [table.text() for table in report.tables_of(self.scores)]
        return "\n\n".join([*tables, "\n".join(self._gate())]).rstrip()

    def json(self) -> str:
        """Return all figures as JSON."""
        everything = {"about": self.about, **report.as_json(self.scores)}
        return json.dumps(everything, indent=1) + "\n"

    def markdown(self) -> str:
        """Return the tables as Markdown."""
        about = ", ".join(f"{key} {_words(each)}" for key, each in self.about.items())
        parts = [f"Measured with {about}.\n", *(f"- {line}" for line in self._gate())]
        tables = [table.markdown() for table in report.tables_of(self.scores)]
        return "\n".join([*parts, "", *tables])

    def _gate(self) -> list[str]:
        return report.gate_of(report.rows_of(self.scores))


def evaluate_folders(
    folders: PathLike | Sequence[PathLike],
    *,
    part: str = "test",
    prompts: Sequence[str] | None = None,
    level: Level = "auto",
    levels: bool = False,
    baselines: bool = True,
    max_objects: int | None = None,
    seed: int = 0,
    allow_missing: bool = False,
    json_file: PathLike | None = None,
    markdown: PathLike | None = None,
    model: PathLike | Model = "micro",
    device: str = "auto",
    precision: str = "auto",
    overwrite: bool = False,
    progress: Progress | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Measure a model on images with labels: `napari-hqsam evaluate`.

    Parameters
    ----------
    folders, part, prompts, level, levels, baselines, max_objects, seed, progress,
    allow_missing
        As of `evaluation.evaluate.evaluate`; prompts are by default of all kinds.
    json_file, markdown : path, optional
        Also write all figures, or the tables, to these files.
    model, device, precision
        As of `load_model`, or a model that is loaded.
    overwrite : bool
        Replace files that this package did not write, too.
    reporter : Reporter, optional
        Receives the tables before the files are written.

    Raises
    ------
    ImageError, PromptError, ModelError
        The input cannot be used.
    OutputError
        A file cannot, or must not, be written.
    """
    from napari_hqsam.datasets.folders import find_folders
    from napari_hqsam.evaluation.clicking import KINDS, check_kinds
    from napari_hqsam.evaluation.evaluate import evaluate

    given = [folders] if isinstance(folders, str | os.PathLike) else folders
    paths = [Path(each) for each in given]
    options: dict[str, Any] = {
        "part": part,
        "prompts": list(check_kinds(prompts or KINDS)),
        "level": level,
        "levels": levels,
        "baselines": baselines,
        "max_objects": max_objects,
        "seed": seed,
        "allow_missing": allow_missing,
    }
    find_folders(paths, options["part"])
    written = [None if each is None else Path(each) for each in (json_file, markdown)]
    check_apart(written)
    for file in written:
        check_file_to_write(file, overwrite=overwrite)
    setup = JobSetup(model=model, device=device, precision=precision)
    loaded = setup.load_model()
    start = time.perf_counter()
    scores = evaluate(loaded, paths, **options, progress=progress)
    about = {
        "napari_hqsam": __version__,
        "model": loaded.name,
        "variant": loaded.variant,
        "device": str(loaded.device),
        "precision": str(loaded.dtype).removeprefix("torch."),
        "folders": [path.resolve().name for path in paths],
        **options,
        "minutes": round((time.perf_counter() - start) / 60, 1),
    }
    evaluation = Evaluation(about, scores)
    if reporter is not None:  # show the result even if no file can be written
        reporter.result(evaluation.text())
    for file, text in zip(written, (evaluation.json, evaluation.markdown), strict=True):
        if file is not None:
            _write(file, text())
    return evaluation


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _write(path: Path, text: str) -> None:
    from napari_hqsam.files import replacing

    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
