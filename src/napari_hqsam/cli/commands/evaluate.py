"""`napari-hqsam evaluate`: measure a model on labelled images."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hqsam.cli.arguments import level_of
from napari_hqsam.cli.options import (  # noqa: TC001 - typer reads them
    AllowMissingOption,
    DeviceOption,
    LevelOption,
    ModelOption,
    OverwriteOption,
    PrecisionOption,
)
from napari_hqsam.cli.reporter import Console

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_hqsam.evaluation.evaluate import Job


def evaluate(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders with images/ and labels/, data sets, or folders of data sets."
        ),
    ],
    part: Annotated[
        str, typer.Option(help="Part of data sets: test, train or validation.")
    ] = "test",
    prompts: Annotated[
        list[str] | None,
        typer.Option(help="box, click, clicks3, clicks5; repeatable. [default: all]"),
    ] = None,
    max_objects: Annotated[
        int | None, typer.Option(min=1, help="Most objects per image.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed for choosing objects.")] = 0,
    level: LevelOption = "auto",
    levels: Annotated[
        bool,
        typer.Option(
            "--levels", help="Also score a click at every level and zoom (slow)."
        ),
    ] = False,
    baselines: Annotated[
        bool, typer.Option(help="Also score Otsu, watershed, ... on the same prompts.")
    ] = True,
    allow_missing: AllowMissingOption = False,
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
    from napari_hqsam.jobs import evaluate_folders

    evaluate_folders(
        folders,
        part=part,
        prompts=prompts,
        level=level_of(level),
        levels=levels,
        baselines=baselines,
        max_objects=max_objects,
        seed=seed,
        allow_missing=allow_missing,
        json_file=json_file,
        markdown=markdown,
        model=model,
        device=device,
        precision=precision,
        overwrite=overwrite,
        progress=_with_progress,
        reporter=Console(),
    )


def _with_progress(jobs: Sequence[Job]) -> Iterator[Job]:
    """Show a progress bar with the name of the data set, on a terminal only."""
    from tqdm import tqdm

    with tqdm(jobs, unit="image", leave=False, disable=None) as bar:
        for data_set, pair in bar:
            bar.set_description(data_set.name)
            yield data_set, pair
