"""`napari-hqsam replay`: rebuild the labels of a session from its journal."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.arguments import cache_of, integers
from napari_hqsam.cli.console import print_line
from napari_hqsam.cli.reporter import Console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_hqsam.sessions import ResegmentedMask


def replay(
    journal: Annotated[Path, typer.Argument(help="NAME.journal.jsonl of a session.")],
    image: Annotated[Path, typer.Argument(help="The image that was segmented.")],
    out: opt.LabelsOption,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Segment all prompts again with this model. [default: take the "
            "masks as they were accepted]",
        ),
    ] = None,
    key: opt.KeyOption = None,
    axes: Annotated[
        str | None, typer.Option(help="Axes of the image. [default: the journal's]")
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(help="Channels shown as red, green, blue. [default: the same]"),
    ] = None,
    allow_missing: opt.AllowMissingOption = False,
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
    cache: opt.CacheOption = None,
    overwrite: opt.OverwriteOption = False,
) -> None:
    """Rebuild the labels of a session from its journal."""
    from napari_hqsam.jobs import replay_file

    done = replay_file(
        journal,
        image,
        out,
        model=model,
        key=key,
        axes=axes,
        channels=None if channels is None else integers(channels, "--channels"),
        allow_missing=allow_missing,
        device=device,
        precision=precision,
        cache=cache_of(cache),
        overwrite=overwrite,
        reporter=Console(),
    )
    if done.model is None:
        objects = f"{done.objects} object{'s' * (done.objects != 1)}"
        print_line(f"{objects} as they were accepted, in {out}")
    else:
        print_line(f"{_comparison(done.resegmented)}\nmasks of {done.model} in {out}")


def _comparison(resegmented: Sequence[ResegmentedMask]) -> str:
    """Summarise how the masks differ from those that were accepted."""
    differing = [each for each in resegmented if each.pixels]
    text = f"{len(differing)} of {len(resegmented)} masks differ from those accepted"
    if not differing:
        return text
    worst = min(differing, key=lambda each: each.iou)
    return (
        f"{text}; most of all that of object {worst.accept.label_id}, by "
        f"{worst.pixels} pixels (IoU {worst.iou:.3f})"
    )
