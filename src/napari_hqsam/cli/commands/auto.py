"""`napari-hqsam auto`: segment all objects of an image without prompts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.console import print_line
from napari_hqsam.cli.job_keywords import JobKeywords, with_job_options


@with_job_options
def auto(
    image: opt.ImageArgument,
    out: opt.LabelsOption,
    *,
    proposer: opt.ProposerOption = "auto",
    points_per_side: Annotated[
        int | None,
        typer.Option(help="grid: points per side of a tile. [default: the model's]"),
    ] = None,
    typical_size: opt.TypicalSizeOption = None,
    plane: Annotated[
        str | None,
        typer.Option(
            help="Plane of a stack, such as 12 or t=0,z=12. [default: all, linked]"
        ),
    ] = None,
    overlay: opt.OverlayOption = None,
    instance_decoder: opt.InstanceDecoderOption = None,
    job: JobKeywords,
) -> None:
    """Segment all objects without prompts; in a stack, link them across slices."""
    from napari_hqsam.jobs import auto_file

    chosen: Any = {"proposer": proposer}
    done = auto_file(
        image,
        out,
        points_per_side=points_per_side,
        plane=plane,
        typical_size=typical_size,
        overlay=overlay,
        **chosen,
        instance_decoder=instance_decoder,
        **job,
    )
    objects = f"{done.objects} object{'s' * (done.objects != 1)}"
    where = f" on {done.planes} planes" * (done.planes > 1)
    print_line(f"{objects}{where} of {done.image} in {out}")
