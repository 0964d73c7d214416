"""Look up the object at a position of a Labels layer: its id and its box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.masks.algebra import tight_box
from napari_hqsam.viewer.planes import layer_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.viewer.planes import PlaneView

_FIRST_RADIUS = 256
"""Half the side of the window that an object is looked for in at first, pixels."""


def id_at(layer: Labels, view: PlaneView, point: Sequence[float]) -> int:
    """Return the id at a plane position (y, x); 0 off the plane."""
    y, x = (int(np.floor(v + 0.5)) for v in point)
    shape = layer_shape(layer)
    if not (0 <= y < shape[view.axes[0]] and 0 <= x < shape[view.axes[1]]):
        return 0
    pixel: NDArray[Any] = np.asarray(layer.data[view.window((y, x, y + 1, x + 1))])
    return int(pixel.ravel()[0])


def box_at(layer: Labels, view: PlaneView, point: Sequence[float]) -> Box:
    """Return the bounding box of the object at a plane position (y, x).

    The window that is read doubles until the object does not touch its border; parts
    of the object that lie apart from the one at the position may be left out.

    Returns
    -------
    tuple of int
        ``(y0, x0, y1, x1)``, half-open.
    """
    y, x = (int(np.floor(v + 0.5)) for v in point)
    label_id = id_at(layer, view, point)
    h, w = (layer_shape(layer)[axis] for axis in view.axes)
    radius = _FIRST_RADIUS
    while True:
        top, left = max(y - radius, 0), max(x - radius, 0)
        bottom, right = min(y + radius, h), min(x + radius, w)
        window = view.window((top, left, bottom, right))
        here = np.asarray(layer.data[window]) == label_id
        y0, x0, y1, x1 = found = tight_box(here, (top, left))
        if not (
            (y0 == top > 0) or (x0 == left > 0) or y1 == bottom < h or x1 == right < w
        ):
            return found
        radius *= 2
