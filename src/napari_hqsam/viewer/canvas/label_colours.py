"""Colours of the labels: saturated ones, which stand out on a grey image."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.colormaps import CyclicLabelColormap

COUNT = 48
"""Colours before they begin again."""
GOLDEN = 0.618034
"""Part of the hue circle between one id and the next: near ids differ most."""
SATURATIONS, VALUES = (0.9, 0.7), (1.0, 0.75, 0.9)


def label_colours() -> CyclicLabelColormap:
    """Make a colormap of saturated colours; id 0 is transparent."""
    from napari.utils.colormaps import CyclicLabelColormap

    colours = [(0.0, 0.0, 0.0, 0.0)]
    for i in range(COUNT):
        saturation, value = SATURATIONS[i % 2], VALUES[i % 3]
        hue = (0.8 + i * GOLDEN) % 1.0
        colours.append((*colorsys.hsv_to_rgb(hue, saturation, value), 1.0))
    return CyclicLabelColormap(colors=np.array(colours, np.float32), name="HQ-SAM")


def give_colours(layer: Labels) -> None:
    """Give a layer these colours if it has napari's default ones.

    Some of napari's own are nearly grey, and cannot be seen on a grey image.
    """
    from napari.layers import Labels

    # napari hands plugins proxies of its layers, whose types tell nothing.
    usual = Labels(np.zeros((1, 1), np.uint8)).colormap.colors
    own = getattr(layer.colormap, "colors", None)
    if own is not None and np.array_equal(np.asarray(own), usual):
        layer.colormap = label_colours()
