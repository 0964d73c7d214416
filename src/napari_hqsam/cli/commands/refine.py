"""`napari-hqsam refine`: refine the outlines of existing labels."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.console import print_line
from napari_hqsam.cli.job_keywords import JobKeywords, with_job_options


@with_job_options
def refine(
    image: opt.ImageArgument,
    labels: Annotated[
        Path, typer.Argument(help="Its labels, of any program: TIFF, PNG, zarr, npy.")
    ],
    out: opt.LabelsOption,
    *,
    table: Annotated[
        Path | None, typer.Option(help="Also write a row for each object: .csv.")
    ] = None,
    planes: Annotated[
        str | None,
        typer.Option(
            help="Planes of a stack, such as 0:40 or t=3,z=0:40; others are copied. "
            "[default: all]"
        ),
    ] = None,
    score: Annotated[
        float | None, typer.Option(help="Least predicted IoU of a new outline.")
    ] = None,
    stability: Annotated[
        float | None, typer.Option(help="Least stability of a new outline.")
    ] = None,
    overlap: Annotated[
        float | None, typer.Option(help="Least IoU with the old shape.")
    ] = None,
    core: Annotated[
        float | None,
        typer.Option(
            help="Least share of the old shape's core that a new outline covers."
        ),
    ] = None,
    consistency: Annotated[
        float | None,
        typer.Option(help="Least consistency of the image's edge along a new outline."),
    ] = None,
    gain: Annotated[
        float | None,
        typer.Option(
            help="Least ratio of the consistency along a new outline to that along the "
            "old one."
        ),
    ] = None,
    labels_key: Annotated[
        str | None, typer.Option(help="As --key, for the file of labels.")
    ] = None,
    job: JobKeywords,
) -> None:
    """Refine the outlines of existing labels, object by object."""
    from napari_hqsam.jobs import refine_file
    from napari_hqsam.segmentation import RefineRules

    given = {
        "score": score,
        "stability": stability,
        "overlap": overlap,
        "core": core,
        "consistency": consistency,
        "gain": gain,
    }
    done = refine_file(
        image,
        labels,
        out,
        planes=planes,
        table=table,
        labels_key=labels_key,
        rules=RefineRules(**{k: v for k, v in given.items() if v is not None}),
        **job,
    )
    count = len(done.objects)
    where = f" on {done.planes} planes" * (done.planes > 1)
    print_line(f"{done.refined} of {count} objects{where} refined, labels in {out}")
