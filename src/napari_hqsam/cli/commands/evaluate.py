"""`napari-hqsam evaluate`: figures of a model on a terminal and in files."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hqsam import __version__
from napari_hqsam.cli.arguments import level_of
from napari_hqsam.cli.console import say
from napari_hqsam.cli.options import (  # noqa: TC001 - typer reads them
    DeviceOption,
    LevelOption,
    ModelOption,
    OverwriteOption,
    PrecisionOption,
)
from napari_hqsam.jobs.outputs import check_apart, check_file_to_write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from napari_hqsam.evaluation.evaluate import Job


def evaluate(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="With images/ and labels/, or data sets, or a folder of data sets."
        ),
    ],
    part: Annotated[
        str, typer.Option(help="Of data sets: test, train or validation.")
    ] = "test",
    prompts: Annotated[
        list[str] | None,
        typer.Option(help="box, click, clicks3, clicks5; repeatable. [default: all]"),
    ] = None,
    max_objects: Annotated[
        int | None, typer.Option(min=1, help="At most so many objects an image.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of objects.")] = 0,
    level: LevelOption = "auto",
    levels: Annotated[
        bool,
        typer.Option("--levels", help="Also one click at every level and zoom (slow)."),
    ] = False,
    baselines: Annotated[
        bool, typer.Option(help="Also Otsu, watershed, ... on the same prompts.")
    ] = True,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write all figures to a file.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Also write the tables to a file.")
    ] = None,
    model: ModelOption = "micro",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    overwrite: OverwriteOption = False,
) -> None:
    """Measure a model on images with labels: IoU, boundary IoU, AP."""
    from napari_hqsam.datasets.folders import find_folders
    from napari_hqsam.evaluation import report
    from napari_hqsam.evaluation.clicking import KINDS, check_kinds
    from napari_hqsam.evaluation.evaluate import evaluate as measure
    from napari_hqsam.models import load_model

    chosen: dict[str, Any] = {
        "part": part,
        "prompts": list(check_kinds(prompts or KINDS)),
        "level": level_of(level),
        "levels": levels,
        "baselines": baselines,
        "max_objects": max_objects,
        "seed": seed,
    }
    find_folders(folders, chosen["part"])
    check_apart((json_file, markdown))
    for file in (json_file, markdown):
        check_file_to_write(file, overwrite=overwrite)
    loaded = load_model(model, device=device, precision=precision)
    start = time.perf_counter()
    scores = measure(loaded, folders, **chosen, progress=_with_progress)
    about = {
        "napari_hqsam": __version__,
        "model": loaded.name,
        "variant": loaded.variant,
        "device": str(loaded.device),
        "precision": str(loaded.dtype).removeprefix("torch."),
        "folders": [folder.name for folder in map(Path.resolve, folders)],
        **chosen,
        "minutes": round((time.perf_counter() - start) / 60, 1),
    }
    tables = report.tables_of(scores)
    gate = report.gate_of(report.rows_of(scores))
    say("\n\n".join([*(table.text() for table in tables), "\n".join(gate)]).rstrip())
    if json_file is not None:
        everything = {"about": about, **report.as_json(scores)}
        _write(json_file, json.dumps(everything, indent=1) + "\n")
    if markdown is not None:
        said = ", ".join(f"{key} {_words(value)}" for key, value in about.items())
        parts = [f"Measured with {said}.\n", *(f"- {line}" for line in gate), ""]
        parts += [table.markdown() for table in tables]
        _write(markdown, "\n".join(parts))


def _with_progress(jobs: Sequence[Job]) -> Iterator[Job]:
    """Show on a terminal how far it is, and with what."""
    from tqdm import tqdm

    with tqdm(jobs, unit="image", leave=False, disable=None) as bar:
        for data_set, pair in bar:
            bar.set_description(data_set.name)
            yield data_set, pair


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _write(path: Path, text: str) -> None:
    from napari_hqsam.files import replacing

    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
