"""Measure the time per tile and per click on this machine."""

from __future__ import annotations

import time

import numpy as np

from napari_hqsam.errors import ModelError
from napari_hqsam.models import load_model
from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.plane.segmenter import synchronize
from napari_hqsam.segmentation.segmenter import Segmenter

REPEATS = 5


def time_per_tile(name: str = "micro") -> list[tuple[str, str]]:
    """Return rows of a report: median seconds for encoding a tile and for a click.

    A model that cannot be loaded gives one row with the reason.
    """
    try:
        model = load_model(name, download=False)
    except ModelError as error:
        return [("time per tile", f"not measured: {error}")]
    size = model.input_size
    image = np.random.default_rng(0).integers(0, 255, (size, size), np.uint8)
    segmenter = Segmenter(image, model, normalization="none", cache=False)
    whole = segmenter.grid.tile(0, 0, 0)
    prompt = Prompt([(size / 2, size / 2)])
    tile, click = [], []
    for _ in range(REPEATS + 1):  # the first is a warm-up
        segmenter.source.memory.clear()
        start = time.perf_counter()
        segmenter.source.features((), whole)
        synchronize(model.device)
        middle = time.perf_counter()
        segmenter.segment(prompt, level=0)
        tile.append(middle - start)
        click.append(time.perf_counter() - middle)
    return [
        ("time per tile", f"{np.median(tile[1:]):.3f} s ({name}, {size} px)"),
        ("time per click", f"{np.median(click[1:]):.3f} s (cached tile)"),
    ]
