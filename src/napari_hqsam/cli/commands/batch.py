"""`napari-hqsam batch`: segment stacks, folders of images and plates, resumably."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import job_arguments, segment_options
from napari_hqsam.cli.console import print_line
from napari_hqsam.cli.reporter import Console

if TYPE_CHECKING:
    from napari_hqsam.jobs import BatchResult
    from napari_hqsam.jobs.description import Job


def batch(
    context: typer.Context,
    image: Annotated[
        Path,
        typer.Argument(
            help="A stack (TIFF, zarr, npy, ...); or a folder, a pattern such as "
            "'a/*.tif', a plate; or a job: JOB.yaml."
        ),
    ],
    prompts: Annotated[
        str | None,
        typer.Argument(
            help="Prompts: .csv, .geojson or .json; for many images such as "
            "'{folder}/{stem}.csv'."
        ),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Labels: .tif or .zarr; a folder for many images."
        ),
    ] = None,
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
    suffix: Annotated[
        str | None,
        typer.Option(help="Many images: suffix of labels. [default: .ome.zarr]"),
    ] = None,
    workers: opt.WorkersOption = None,
    scheduler: opt.SchedulerOption = None,
    scheduler_file: opt.SchedulerFileOption = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only show tasks, time, memory and disk."),
    ] = False,
    key: opt.KeyOption = None,
    axes: opt.AxesOption = None,
    scale: opt.ScaleOption = None,
    units: opt.UnitsOption = None,
    channels: opt.ChannelsOption = None,
    allow_missing: opt.AllowMissingOption = False,
    normalization: opt.NormalizationOption = "percentile",
    level: opt.LevelOption = "auto",
    output: opt.OutputOption = "sam+hq",
    clean: opt.CleanOption = True,
    overlap: Annotated[
        str,
        typer.Option(
            help="Which prompt gets pixels of several masks: keep (the first) or "
            "overwrite (the last)."
        ),
    ] = "keep",
    model: opt.ModelOption = "micro",
    instance_decoder: opt.InstanceDecoderOption = None,
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    cache: Annotated[
        str, typer.Option(help="Folder for embeddings; none: keep none.")
    ] = "none",
) -> None:
    """Segment a stack, a folder of images or a plate; run it again to resume."""
    from napari_hqsam.cli.job_options import job_of_file, job_of_options
    from napari_hqsam.errors import JobError
    from napari_hqsam.jobs import batch_file, blocks_file, is_collection
    from napari_hqsam.jobs.description import SUFFIXES, ModelChoice, RunOptions

    run: dict[str, Any] = {
        name: value
        for name, value in (
            ("workers", workers),
            ("scheduler", scheduler),
            ("scheduler_file", None if scheduler_file is None else str(scheduler_file)),
        )
        if value is not None
    }
    if image.suffix.lower() in SUFFIXES:
        _do(job_of_file(context, image, run), dry_run=dry_run, restart=restart)
        return
    if out is None:
        raise JobError("where do the labels go? Give -o", parameter="out")
    options = segment_options(level, output, clean=clean)
    options["typical_size"] = typical_size
    arguments = job_arguments(
        key,
        axes,
        channels,
        normalization,
        model,
        device,
        precision,
        cache,
        scale,
        units,
    )
    many = is_collection(image)
    if many or dry_run:
        if mode == "auto" and prompts is not None:
            raise JobError(f"prompts {prompts}, and mode auto takes none")
        automatic = {"kind": "automatic", "proposer": proposer, "max_gap": max_gap}
        automatic |= {"min_overlap": min_overlap, "linked_axis": link}
        prompted = {"kind": "prompts", "prompts": prompts, "overlap": overlap}
        job = job_of_options(
            inputs={
                "paths": str(image),
                "planes": planes,
                "allow_missing": allow_missing,
                **{
                    k: arguments[k]
                    for k in ("key", "axes", "scale", "units", "channels")
                },
                "normalization": arguments["normalization"],
            },
            action=automatic if prompts is None else prompted | {"mode": mode or None},
            model={
                "name": model,
                "instance_decoder": instance_decoder and str(instance_decoder),
                "device": device.split(","),
                "precision": precision,
                "cache": cache,
            },
            options={**options},
            outputs={
                "folder": str(out if many else out.parent),
                "suffix": suffix,
                "tracks": tracks is not None,
                "overwrite": overwrite,
            },
            run=run,
        )
        _do(job, dry_run=dry_run, restart=restart)
        return
    if run:
        for name, given in (
            ("prompts", prompts),
            ("--mode", mode not in ("", "auto")),
            ("--tracks", tracks),
            ("--max-gap", max_gap),
        ):
            if given:
                raise JobError(
                    f"{name} of one image needs one process: leave out "
                    f"--{next(iter(run)).replace('_', '-')}"
                )
        arguments.pop("cache")
        done = blocks_file(
            image,
            out,
            choice=ModelChoice(
                name=arguments.pop("model"),
                instance_decoder=None
                if instance_decoder is None
                else str(instance_decoder),
                device=tuple(arguments.pop("device").split(",")),
                precision=arguments.pop("precision"),
            ),
            run=RunOptions(**run),
            planes=planes,
            min_overlap=min_overlap,
            linked_axis=link,
            proposer=proposer,  # type: ignore[arg-type]
            overwrite=overwrite,
            restart=restart,
            reporter=Console(),
            allow_missing=allow_missing,
            **options,
            **arguments,
        )
        _print_one(done, out)
        return
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
        **arguments,
    )
    _print_one(done, out)


def _print_one(done: BatchResult, out: Path) -> None:
    objects = f"{done.objects} object{'s' * (done.objects != 1)}"
    print_line(f"{objects} on {done.planes} planes of {done.image} in {out}")


def _do(job: Job, *, dry_run: bool, restart: bool) -> None:
    """Run a job, or show its plan."""
    from napari_hqsam.cli.job_options import print_plan, print_result
    from napari_hqsam.jobs import plan_job, run_job

    if dry_run:
        print_plan(plan_job(job, reporter=Console()))
        return
    done = run_job(job, restart=restart, reporter=Console())
    print_result(done, job.outputs.folder)
