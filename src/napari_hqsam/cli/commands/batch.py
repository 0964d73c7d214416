"""`napari-hqsam batch`: many planes of a stack, resumed where they broke off."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import (
    cache_of,
    limits_of,
    normalized,
    prompts_of,
    segment_options,
)
from napari_hqsam.cli.console import say, timed
from napari_hqsam.cli.interrupts import report_interrupt
from napari_hqsam.cli.loading import load_told, open_told
from napari_hqsam.jobs.outputs import check_file_to_write, check_labels

if TYPE_CHECKING:
    from napari_hqsam.images import Image
    from napari_hqsam.jobs import Batch, Done
    from napari_hqsam.segmentation import Segmenter


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
        float, typer.Option(help="auto: IoU from which two are one object.")
    ] = 0.25,
    max_gap: Annotated[
        int, typer.Option(help="auto: planes that an object may be missing from.")
    ] = 0,
    typical_size: Annotated[
        float | None, typer.Option(help="Longer side of an object, pixels.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace labels that are there.")
    ] = False,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Forget an interrupted batch; do not resume."),
    ] = False,
    key: opt.KeyOption = None,
    axes: opt.AxesOption = None,
    channels: opt.ChannelsOption = None,
    normalization: opt.NormalizationOption = "percentile",
    level: opt.LevelOption = "auto",
    output: opt.OutputOption = "sam+hq",
    clean: Annotated[bool, typer.Option(help="Drop specks, fill pinholes.")] = True,
    overlap: Annotated[
        str, typer.Option(help="Pixels of two objects: keep or overwrite.")
    ] = "keep",
    model: opt.ModelOption = "micro",
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    cache: Annotated[
        str, typer.Option(help="Folder for embeddings; none: keep none.")
    ] = "none",
) -> None:
    """Segment many planes of a stack; run it again to resume what broke off."""
    from napari_hqsam.jobs import parse_planes, plan_batch
    from napari_hqsam.jobs.storage import Storage

    # Storage asks for --overwrite for whatever labels are there.
    check_labels(out, prompts, overwrite=True, image=image)
    check_file_to_write(
        tracks, out, prompts, overwrite=overwrite, suffix=".csv", image=image
    )
    limits, store = limits_of(normalization), cache_of(cache)
    options = segment_options(level, output, clean=clean)
    options["typical_size"] = typical_size
    opened = open_told(image, key, axes, channels)
    named: Any = mode or ("auto" if prompts is None else "same")
    plan = plan_batch(
        opened,
        named,
        [] if prompts is None else prompts_of(prompts, opened),
        planes=None if planes is None else parse_planes(planes, opened),
        overlap=overlap,  # type: ignore[arg-type]
        min_overlap=min_overlap,
        max_gap=max_gap,
        linked_axis=link,
        **options,
    )
    Storage(out, opened, overwrite=overwrite)  # before a model is loaded for it
    how = normalized(opened, limits)
    from napari_hqsam.segmentation import Segmenter

    loaded = load_told(model, device, precision)
    segmenter = Segmenter(opened, loaded, normalization=how, cache=store)
    with report_interrupt(
        f"the planes done are kept in {out}.batch: run the same command again to "
        "resume, or with --restart to begin anew"
    ):
        done = _run(segmenter, plan, out, tracks, overwrite=overwrite, restart=restart)
    say(f"{_summary(opened, done)} in {out}")


def _run(
    segmenter: Segmenter,
    plan: Batch,
    out: Path,
    tracks: Path | None,
    *,
    overwrite: bool,
    restart: bool,
) -> Done:
    """Run the batch with a progress bar on a terminal."""
    from tqdm import tqdm

    from napari_hqsam.jobs import run_batch

    with (
        timed("segment") as details,
        tqdm(total=len(plan.planes), unit="plane", leave=False, disable=None) as bar,
    ):

        def progress(planes: int, _: int) -> None:
            bar.update(planes - bar.n)

        done = run_batch(
            segmenter,
            out,
            plan,
            tracks=tracks,
            overwrite=overwrite,
            restart=restart,
            progress=progress,
        )
        details.append(f"{done.planes} planes")
        if done.resumed:
            details.append(f"{done.resumed} of them from an earlier run")
        details.append(f"{segmenter.source.encoded} tiles encoded")
    return done


def _summary(image: Image, done: Done) -> str:
    """Say what came of it."""
    things = f"{done.objects} object{'s' * (done.objects != 1)}"
    return f"{things} on {done.planes} planes of {image.name}"
