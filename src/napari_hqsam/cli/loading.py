"""Image and model of a command, opened and said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.cli.arguments import integers
from napari_hqsam.cli.console import timed

if TYPE_CHECKING:
    from pathlib import Path

    from napari_hqsam.images import Image
    from napari_hqsam.models import Model


def open_told(
    path: Path, key: str | None, axes: str | None, channels: str | None
) -> Image:
    """Open an image with --key, --axes and --channels; say what it is."""
    from napari_hqsam.images import open_image

    shown = None if channels is None else integers(channels, "--channels")
    with timed("open the image") as details:
        opened = open_image(path, key=key, axes=axes, channels=shown)
        details.append(f"{opened.name}, {opened.axes} {opened.shape}, {opened.dtype}")
    return opened


def load_told(name: str, device: str, precision: str) -> Model:
    """Load a model; that takes seconds, so all else was checked before."""
    from napari_hqsam.models import load_model

    with timed("load the model") as details:
        loaded = load_model(name, device=device, precision=precision)
        dtype = str(loaded.dtype).removeprefix("torch.")
        details.append(f"{loaded.name}, {loaded.device} {dtype}")
    return loaded
