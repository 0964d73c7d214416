"""`napari-hqsam embed`: encode the tiles of an image in advance."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import integers, job_arguments
from napari_hqsam.cli.reporter import Console


def embed(
    image: opt.ImageArgument,
    level: Annotated[
        str | None,
        typer.Option(help="Scales to encode, such as 0,1. [default: 0 to coarsest]"),
    ] = None,
    plane: Annotated[
        str | None,
        typer.Option(help="Plane of a stack, such as 12 or t=0,z=12. [default: all]"),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Region y0,x0,y1,x1. [default: whole plane]")
    ] = None,
    key: opt.KeyOption = None,
    axes: opt.AxesOption = None,
    channels: opt.ChannelsOption = None,
    allow_missing: opt.AllowMissingOption = False,
    normalization: opt.NormalizationOption = "percentile",
    model: opt.ModelOption = "micro",
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    cache: opt.StoresOption = None,
) -> None:
    """Encode tiles of an image in advance, so that clicks need not wait."""
    from napari_hqsam.jobs import embed_file

    arguments = job_arguments(
        key,
        axes,
        channels,
        normalization,
        model,
        device,
        precision,
        None if cache is None else str(cache),
    )
    embed_file(
        image,
        levels=None if level is None else integers(level, "--level"),
        plane=plane,
        region=None if region is None else integers(region, "--region"),
        allow_missing=allow_missing,
        reporter=Console(),
        **arguments,
    )
