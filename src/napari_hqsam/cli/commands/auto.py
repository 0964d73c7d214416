"""`napari-hqsam auto`: segment all objects of an image without prompts."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated, Any

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import job_arguments, segment_options
from napari_hqsam.cli.console import print_line
from napari_hqsam.cli.reporter import Console


def auto(
    image: Annotated[Path, typer.Argument(help="TIFF, PNG, zarr, npy, ...")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Labels: .tif or .zarr.")],
    *,
    proposer: opt.ProposerOption = "auto",
    points_per_side: Annotated[
        int | None, typer.Option(help="grid: points per tile side. [default: model's]")
    ] = None,
    typical_size: opt.TypicalSizeOption = None,
    plane: Annotated[
        str | None,
        typer.Option(
            help="Plane of a stack, such as 12 or t=0,z=12. [default: all, linked]"
        ),
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
    """Segment all objects without prompts; in a stack, link them across slices."""
    from napari_hqsam.jobs import auto_file

    options = segment_options(level, output, clean=clean)
    options["typical_size"] = typical_size
    chosen: Any = {"proposer": proposer}
    done = auto_file(
        image,
        out,
        points_per_side=points_per_side,
        plane=plane,
        overlay=overlay,
        overwrite=overwrite,
        reporter=Console(),
        **chosen,
        **options,
        allow_missing=allow_missing,
        instance_decoder=instance_decoder,
        **job_arguments(
            key, axes, channels, normalization, model, device, precision, cache
        ),
    )
    objects = f"{done.objects} object{'s' * (done.objects != 1)}"
    where = f" on {done.planes} planes" * (done.planes > 1)
    print_line(f"{objects}{where} of {done.image} in {out}")
