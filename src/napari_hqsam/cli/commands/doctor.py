"""`napari-hqsam doctor`: what this machine has, and how fast it is."""

from __future__ import annotations

from napari_hqsam.cli.console import print_line


def doctor() -> None:
    """Report versions, device, precision, memory, models, and time per tile."""
    from napari_hqsam.models import doctor_report
    from napari_hqsam.segmentation.timing import time_per_tile

    for title, text in [*doctor_report(), *time_per_tile()]:
        print_line(f"{title:<16}{text}")
