"""`napari-hqsam demo`: segment the bundled sample image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_hqsam.cli import options as opt  # noqa: TC001 - typer reads it
from napari_hqsam.cli.console import print_line
from napari_hqsam.cli.reporter import Console
from napari_hqsam.jobs.files.outputs import made_folder


def demo(
    folder: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the results.")
    ] = Path("hqsam-demo"),
    model: opt.ModelOption = "micro",
    device: opt.DeviceOption = "auto",
    precision: opt.PrecisionOption = "auto",
) -> None:
    """Segment a bundled image of nuclei from clicks and boxes."""
    from napari_hqsam.jobs import segment_file
    from napari_hqsam.sample import NUCLEI, PROMPTS

    print_line(f"HQ-SAM on {NUCLEI.name}, prompts from {PROMPTS.name}:")
    with made_folder(folder):
        segment_file(
            NUCLEI,
            folder / "nuclei_labels.tif",
            PROMPTS,
            overlay=folder / "nuclei_overlay.png",
            model=model,
            device=device,
            precision=precision,
            cache=False,
            reporter=Console(),
        )
