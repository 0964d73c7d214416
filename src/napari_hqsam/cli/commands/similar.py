"""`napari-hqsam similar`: find all objects that are like examples."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.console import print_line
from napari_hqsam.cli.job_keywords import JobKeywords, with_job_options


@with_job_options
def similar(
    image: opt.ImageArgument,
    examples: Annotated[
        Path,
        typer.Argument(help="Labels of the same shape; each object is an example."),
    ],
    out: opt.LabelsOption,
    *,
    unlike: Annotated[
        Path | None,
        typer.Option(
            help="Labels of counterexamples: what is more like these is left out."
        ),
    ] = None,
    planes: Annotated[
        str | None,
        typer.Option(help="Planes, such as 0:40, or t=3,z=0:40. [default: all]"),
    ] = None,
    overlay: opt.OverlayOption = None,
    instance_decoder: opt.InstanceDecoderOption = None,
    job: JobKeywords,
) -> None:
    """Find all objects that are like a few examples, plane by plane."""
    from napari_hqsam.jobs import similar_file

    done = similar_file(
        image,
        examples,
        out,
        unlike=unlike,
        planes=planes,
        overlay=overlay,
        instance_decoder=instance_decoder,
        **job,
    )
    objects = f"{done.objects} object{'s' * (done.objects != 1)}"
    where = f" on {done.planes} planes" * (done.planes > 1)
    print_line(f"{objects} like the examples{where} of {done.image} in {out}")
