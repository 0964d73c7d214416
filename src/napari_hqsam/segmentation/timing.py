"""Measure the time per tile and per click on this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import ModelError
from napari_hqsam.models import load_model
from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder
from napari_hqsam.segmentation.plane.segmenter import synchronize
from napari_hqsam.segmentation.segmenter import Segmenter

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATS = 5
LIMIT = 10.0  # seconds of one measurement, from which it is not repeated


def time_per_tile(name: str = "micro") -> list[tuple[str, str]]:
    """Return rows of a report: median seconds for encoding a tile and for a click.

    Those of the instance decoder, too, where the model has one. A model that cannot
    be loaded gives one row with the reason.
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
    output = model.network.outputs[0]
    plane = PlaneDecoder(segmenter.source, model, segmenter.grid, ())

    def encode() -> None:
        segmenter.source.memory.clear()
        segmenter.source.features((), whole)
        synchronize(model.device)

    rows = [("time per tile", f"{_median(encode):.3f} s ({name}, {size} px)")]
    if model.network.instance_decoder is not None:
        seconds = _median(lambda: plane.instance_maps(whole))
        rows.append(("instance decoder", f"{seconds:.3f} s per tile"))
    seconds = _median(lambda: segmenter.segment(prompt, level=0, output=output))
    rows.append(("time per click", f"{seconds:.3f} s (cached tile)"))
    return rows


def _median(task: Callable[[], object]) -> float:
    """Return the median seconds of a task, after one warm-up run."""
    task()
    seconds: list[float] = []
    while len(seconds) < REPEATS and sum(seconds) < LIMIT:
        start = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
