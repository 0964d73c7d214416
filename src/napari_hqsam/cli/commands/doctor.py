"""`napari-hqsam doctor`: report the installation and its speed."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_hqsam.cli.console import print_line


def doctor(
    model: Annotated[
        str, typer.Option(help="Model to measure: a name, or a file.")
    ] = "micro",
) -> None:
    """Report versions, device, precision, memory, models, and time per tile."""
    from napari_hqsam.models import doctor_report
    from napari_hqsam.segmentation.timing import time_per_tile

    for title, text in [*doctor_report(), *time_per_tile(model)]:
        print_line(f"{title:<27}{text}")
