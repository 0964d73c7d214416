"""`napari-hqsam similar`: find all objects that are like examples."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import job_arguments, segment_options
from napari_hqsam.cli.console import print_line
from napari_hqsam.cli.reporter import Console


def similar(
    image: Annotated[Path, typer.Argument(help="TIFF, PNG, zarr, npy, ...")],
    examples: Annotated[
        Path,
        typer.Argument(help="Labels of the same shape; each object is an example."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Labels: .tif or .zarr.")],
    *,
    unlike: Annotated[
        Path | None,
        typer.Option(help="Labels of objects that others are not to be like."),
    ] = None,
    planes: Annotated[
        str | None,
        typer.Option(help="Planes, such as 0:40, or t=3,z=0:40. [default: all]"),
    ] = None,
    key: opt.KeyOption = None,
    axes: opt.AxesOption = None,
    channels: opt.ChannelsOption = None,
    allow_missing: opt.AllowMissingOption = False,
    normalization: opt.NormalizationOption = "percentile",
    level: opt.LevelOption = "auto",
    overlay: Annotated[
        Path | None, typer.Option(help="Also draw the outlines to this .png.")
    ] = None,
    output: opt.OutputOption = "sam+hq",
    clean: Annotated[bool, typer.Option(help="Drop specks, fill pinholes.")] = True,
    model: opt.ModelOption = "micro",
    instance_decoder: opt.InstanceDecoderOption = None,
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    cache: opt.CacheOption = None,
    overwrite: opt.OverwriteOption = False,
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
        overwrite=overwrite,
        reporter=Console(),
        allow_missing=allow_missing,
        instance_decoder=instance_decoder,
        **segment_options(level, output, clean=clean),
        **job_arguments(
            key, axes, channels, normalization, model, device, precision, cache
        ),
    )
    objects = f"{done.objects} object{'s' * (done.objects != 1)}"
    where = f" on {done.planes} planes" * (done.planes > 1)
    print_line(f"{objects} like the examples{where} of {done.image} in {out}")
