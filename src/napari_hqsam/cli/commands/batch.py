"""`napari-hqsam batch`: segment many planes of a stack, resumably."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated, Any

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import job_arguments, segment_options
from napari_hqsam.cli.console import print_line
from napari_hqsam.cli.reporter import Console


def batch(
    image: Annotated[Path, typer.Argument(help="TIFF, zarr, npy, ...")],
    prompts: Annotated[
        Path | None, typer.Argument(help="Prompts: .csv, .geojson or .json.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Labels: .tif or .zarr.")],
    mode: Annotated[
        str,
        typer.Option(
            help="same: all prompts on each plane; each: each plane its own; auto: "
            "none, objects linked from plane to plane. [default: auto without prompts, "
            "else same]"
        ),
    ] = "",
    planes: Annotated[
        str | None,
        typer.Option(help="Planes, such as 0:40, or t=3,z=0:40. [default: all]"),
    ] = None,
    tracks: Annotated[
        Path | None, typer.Option(help="Also write the objects' tracks to this .csv.")
    ] = None,
    link: Annotated[
        str | None, typer.Option(help="auto: axis to link along. [default: z, else t]")
    ] = None,
    min_overlap: Annotated[
        float, typer.Option(help="auto: least IoU at which two masks are linked.")
    ] = 0.25,
    max_gap: Annotated[
        int, typer.Option(help="auto: planes that an object may be missing from.")
    ] = 0,
    proposer: opt.ProposerOption = "auto",
    typical_size: opt.TypicalSizeOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing labels.")
    ] = False,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Start over instead of resuming a batch."),
    ] = False,
    key: opt.KeyOption = None,
    axes: opt.AxesOption = None,
    channels: opt.ChannelsOption = None,
    allow_missing: opt.AllowMissingOption = False,
    normalization: opt.NormalizationOption = "percentile",
    level: opt.LevelOption = "auto",
    output: opt.OutputOption = "sam+hq",
    clean: Annotated[bool, typer.Option(help="Drop specks, fill pinholes.")] = True,
    overlap: Annotated[
        str, typer.Option(help="Pixels of two objects: keep or overwrite.")
    ] = "keep",
    model: opt.ModelOption = "micro",
    instance_decoder: opt.InstanceDecoderOption = None,
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    cache: Annotated[
        str, typer.Option(help="Folder for embeddings; none: keep none.")
    ] = "none",
) -> None:
    """Segment many planes of a stack; run it again to resume after an interruption."""
    from napari_hqsam.jobs import batch_file

    options = segment_options(level, output, clean=clean)
    options["typical_size"] = typical_size
    chosen: Any = {"mode": mode or None, "overlap": overlap, "proposer": proposer}
    done = batch_file(
        image,
        out,
        prompts,
        planes=planes,
        min_overlap=min_overlap,
        max_gap=max_gap,
        linked_axis=link,
        tracks=tracks,
        overwrite=overwrite,
        restart=restart,
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
    print_line(f"{objects} on {done.planes} planes of {done.image} in {out}")
