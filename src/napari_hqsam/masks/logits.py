"""Low-resolution logits of a prediction, used as mask prompt of the next one.

SAM takes the logits of its previous prediction together with the next click (SAM paper,
section 3, "mask prompts", and the training in appendix A).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its subpackages are imported on first use

from napari_hqsam.masks.algebra import tight_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.geometry import FloatBox

MARGIN = 8
"""Margin of values around those near an object; beyond, the edge is repeated."""
NEAR = -1.0
"""Logit above which a value counts as near an object."""


@dataclass(frozen=True, eq=False)
class Logits:
    """Logits on a regular grid over part of a plane.

    Attributes
    ----------
    values : ndarray
        (h, w) float16; above 0 is the object.
    offset : tuple of int
        (y, x) plane pixel where the first value begins.
    pitch : float
        Plane pixels per value along each axis: value [i, j] covers plane pixels
        offset + (i, j) * pitch to offset + (i + 1, j + 1) * pitch, half-open.
    box : (y0, x0, y1, x1), optional
        Box around the resulting mask, as a prompt's box; determines tile and level
        of the next prediction. Values above 0 outside it may belong to other objects.
    """

    values: NDArray[np.float16]
    offset: tuple[float, float]
    pitch: float
    box: FloatBox | None = None

    @classmethod
    def near_object(
        cls, values: NDArray[np.float32], offset: tuple[float, float], pitch: float
    ) -> Logits | None:
        """Crop (h, w) logits to the object with a margin; None if there is none."""
        if not (values > 0).any():
            return None
        y0, x0, y1, x1 = tight_box(values > NEAR)
        top, left = max(y0 - MARGIN, 0), max(x0 - MARGIN, 0)
        kept = values[top : y1 + MARGIN, left : x1 + MARGIN].astype(np.float16)
        return cls(kept, (offset[0] + top * pitch, offset[1] + left * pitch), pitch)

    def on_grid(
        self, offset: tuple[float, float], pitch: float, shape: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Interpolate the logits bilinearly on another grid.

        Parameters
        ----------
        offset, pitch
            As the attributes.
        shape : (rows, columns)
            Size of the result.

        Returns
        -------
        ndarray
            float32 of that shape. Exact where the grids coincide; beyond the values
            their edge is repeated.
        """
        lines = [
            ((np.arange(count) + 0.5) * pitch + there - here) / self.pitch - 0.5
            for count, here, there in zip(shape, self.offset, offset, strict=True)
        ]
        at = np.meshgrid(*lines, indexing="ij")
        values = self.values.astype(np.float32)
        sampled: NDArray[np.float32] = scipy.ndimage.map_coordinates(
            values, at, order=1, mode="nearest"
        )
        return sampled
