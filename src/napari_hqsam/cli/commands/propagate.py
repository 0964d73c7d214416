"""`napari-hqsam propagate`: segment a stack from a few prompted slices."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated, Any

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import floats, integers
from napari_hqsam.cli.job_keywords import JobKeywords, with_job_options
from napari_hqsam.errors import PromptError


@with_job_options
def propagate(
    image: Annotated[Path, typer.Argument(help="A stack: TIFF, zarr, npy, ...")],
    prompts: Annotated[
        Path,
        typer.Argument(
            help="Prompts with their slices: .csv, .geojson or .json. Prompts with "
            "the same object id on several slices are one object."
        ),
    ],
    out: opt.LabelsOption,
    *,
    plane: Annotated[
        str | None,
        typer.Option(help="Plane of prompts that name none, such as 12 or t=0,z=12."),
    ] = None,
    across: Annotated[
        str | None,
        typer.Option(
            help="Axis to propagate along, such as z, t, y or x. [default: last]"
        ),
    ] = None,
    range_: Annotated[
        str | None, typer.Option("--range", help="Slices first,stop; stop excluded.")
    ] = None,
    direction: Annotated[str, typer.Option(help="both, forward or backward.")] = "both",
    spacing: Annotated[
        str | None,
        typer.Option(help="z spacing over pixel size. [default: the image's own]"),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Labels of accepted objects, which are copied and not overwritten."
        ),
    ] = None,
    confidence: Annotated[
        Path | None,
        typer.Option(help="Also write the confidence of each object and slice: .csv."),
    ] = None,
    contrast: Annotated[
        float,
        typer.Option(
            help="An object ends below this fraction of its contrast to its "
            "surroundings, 0 to 1."
        ),
    ] = 0.55,
    stability: Annotated[
        float | None,
        typer.Option(
            help="An object ends below this stability. [default: the model's]"
        ),
    ] = None,
    overlap: Annotated[
        float, typer.Option(help="An object ends below this IoU with its neighbour.")
    ] = 0.4,
    area_jump: Annotated[
        float,
        typer.Option(help="An object ends where its area changes by a larger factor."),
    ] = 2.5,
    patience: Annotated[
        int,
        typer.Option(help="Consecutive slices that may fail before an object ends."),
    ] = 1,
    job: JobKeywords,
) -> None:
    """Segment objects through a stack from a few prompted slices."""
    from napari_hqsam.jobs import propagate_file
    from napari_hqsam.segmentation import StopRules

    chosen: Any = {"direction": direction}
    propagate_file(
        image,
        out,
        prompts,
        plane=plane,
        across=across,
        z_range=None if range_ is None else _pair(range_),
        spacing=None if spacing is None else floats(spacing, 1, "--spacing", "2.5")[0],
        keep=keep,
        confidence=confidence,
        rules=StopRules(contrast, stability, overlap, area_jump, patience),
        **chosen,
        **job,
    )


def _pair(text: str) -> tuple[int, int]:
    """Parse --range."""
    numbers = integers(text, "--range")
    if len(numbers) != 2:
        raise PromptError(f"--range {text!r} is not two whole numbers such as 10,40")
    return numbers[0], numbers[1]
