"""Snapshot of the image: its data, and the grey values that become black and white.

Contrast limits of the layers or percentiles, as the settings say; `scene_changes` asks
for new masks when the limits move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.viewer.inference.requests.request import ImageSpec
from napari_hqsam.viewer.planes import layer_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image

    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.planes import PlaneView
    from napari_hqsam.viewer.state import Settings


def image_spec(scene: Scene, view: PlaneView) -> ImageSpec:
    """Return a snapshot of the image, its further channels and its normalisation."""
    image, settings = scene.image, scene.settings
    assert image is not None  # there is a view of it
    axes = view.letters() + ("c" if image.rgb else "")
    layers = scene.viewer.layers
    more = [layers[name] for name in settings.more_layers if name in layers]
    arrays = tuple(layer.data[0] if layer.multiscale else layer.data for layer in more)
    return ImageSpec(
        list(image.data) if image.multiscale else image.data,
        axes,
        settings.channels if "c" in axes else (),
        normalization((image, *more), axes, settings),
        (scene.key, tuple(id(array) for array in arrays)),
        image.name,
        arrays,
    )


def normalization(
    layers: Sequence[Image], axes: str, settings: Settings
) -> str | tuple[tuple[float, float], ...]:
    """Return how grey values are scaled, as `Segmenter` takes it.

    Parameters
    ----------
    layers : sequence of Image
        The image, then the layers that are further channels of it.
    axes : str
        Letters of the image's axes.
    settings : Settings

    Returns
    -------
    str or tuple of (low, high)
        "none", "percentile", or the contrast limits, one pair for each channel.
    """
    image = layers[0]
    if image.rgb:
        return "none" if image.dtype == np.uint8 else "percentile"
    if settings.stretch == "percentile":
        return "percentile"
    limits = [layer.contrast_limits for layer in layers]
    if "c" in axes:
        distinct = len(dict.fromkeys(settings.channels))
        limits *= distinct or min(layer_shape(image)[axes.index("c")], 3)
    return tuple((float(low), float(high)) for low, high in limits)
