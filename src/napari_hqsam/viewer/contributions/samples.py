"""Sample data for napari, as layer data tuples."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_hqsam.images import open_image
from napari_hqsam.sample import NUCLEI


def cells_sample() -> list[tuple[Any, dict[str, Any], str]]:
    """Read fluorescence nuclei."""
    pixels = open_image(NUCLEI).read_plane()[..., 0]
    limits = (int(pixels.min()), int(pixels.max()))
    return [(pixels, {"name": "nuclei", "contrast_limits": limits}, "image")]


def stack_sample() -> list[tuple[Any, dict[str, Any], str]]:
    """Generate a synthetic stack of cells, with scale and units."""
    rng = np.random.default_rng(5)
    zz, yy, xx = np.mgrid[:24, :160, :200].astype(np.float32)
    stack = np.full(zz.shape, 300, np.float32)
    for _ in range(28):
        z, y, x = rng.uniform((2, 10, 10), (22, 150, 190))
        c, b, a = rng.uniform((3, 9, 9), (6, 18, 18))
        r = ((zz - z) / c) ** 2 + ((yy - y) / b) ** 2 + ((xx - x) / a) ** 2
        stack = np.maximum(
            stack, 2600 / (1 + np.exp(np.minimum(12 * (r - 1), 50))) + 300
        )
    stack += rng.normal(0, 90, stack.shape)
    place = {
        "scale": (2.0, 0.5, 0.5),
        "units": ("micrometer",) * 3,
        "axis_labels": ("z", "y", "x"),
    }
    pixels = stack.clip(0).astype(np.uint16)
    attributes = {"name": "stack", "contrast_limits": (200, 3200)} | place
    return [(pixels, attributes, "image")]
