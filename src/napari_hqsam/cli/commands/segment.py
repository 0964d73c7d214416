"""`napari-hqsam segment`: segment objects of an image from prompts."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated, Any

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import floats
from napari_hqsam.cli.job_keywords import JobKeywords, with_job_options


@with_job_options
def segment(
    image: opt.ImageArgument,
    out: opt.LabelsOption,
    *,
    prompts: Annotated[
        Path | None, typer.Option(help="Prompts: .csv, .geojson, .json, RoiSet.zip.")
    ] = None,
    point: Annotated[
        list[str] | None, typer.Option(help="Click y,x; each is one object.")
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(help="Box y0,x0,y1,x1; each is one object.")
    ] = None,
    plane: Annotated[
        str | None, typer.Option(help="Plane of a stack, such as 12 or t=0,z=12.")
    ] = None,
    overlay: opt.OverlayOption = None,
    rois: Annotated[
        Path | None,
        typer.Option(help="Also write outlines for Fiji's ROI Manager to this .zip."),
    ] = None,
    overlap: Annotated[
        str,
        typer.Option(
            help="Which prompt gets pixels of several masks: keep (the first) or "
            "overwrite (the last)."
        ),
    ] = "keep",
    job: JobKeywords,
) -> None:
    """Segment objects of an image from clicks, boxes or masks."""
    from napari_hqsam.jobs import segment_file
    from napari_hqsam.prompts import Prompt

    chosen: Any = {"overlap": overlap}
    given: list[Any] = [] if prompts is None else [prompts]
    given += [Prompt([floats(p, 2, "--point", "120,64")]) for p in point or []]
    given += [Prompt(box=floats(b, 4, "--box", "10,20,60,80")) for b in box or []]
    segment_file(
        image,
        out,
        given,
        plane=plane,
        overlay=overlay,
        rois=rois,
        **chosen,
        **job,
    )
