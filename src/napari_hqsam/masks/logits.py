"""Low-resolution logits of an earlier answer, given back as part of a prompt.

What SAM takes beside the next click (SAM paper, section 3, "mask prompts" and the
training in appendix A): how sure it was where, not only what it found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts come when first used

from napari_hqsam.masks.algebra import tight_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.geometry import FloatBox

MARGIN = 8
"""Values kept round those near an object; beyond, the outermost ones go on."""
NEAR = -1.0
"""Logit above which a value is near an object."""


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
        Plane pixels a value, along each axis: value [i, j] covers plane pixels
        offset + (i, j) * pitch to offset + (i + 1, j + 1) * pitch, half-open.
    box : (y0, x0, y1, x1), optional
        Round the object that was made of them, as a prompt's box: what is near may
        belong to others. Where to look again, and at which level.
    """

    values: NDArray[np.float16]
    offset: tuple[float, float]
    pitch: float
    box: FloatBox | None = None

    @classmethod
    def near_object(
        cls, values: NDArray[np.float32], offset: tuple[float, float], pitch: float
    ) -> Logits | None:
        """Keep (h, w) logits near the object alone; None where there is none."""
        if not (values > 0).any():
            return None
        y0, x0, y1, x1 = tight_box(values > NEAR)
        top, left = max(y0 - MARGIN, 0), max(x0 - MARGIN, 0)
        kept = values[top : y1 + MARGIN, left : x1 + MARGIN].astype(np.float16)
        return cls(kept, (offset[0] + top * pitch, offset[1] + left * pitch), pitch)

    def on_grid(
        self, offset: tuple[float, float], pitch: float, shape: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Sample the logits on another grid, bilinear.

        Parameters
        ----------
        offset, pitch
            As the attributes.
        shape : (rows, columns)
            Of the result.

        Returns
        -------
        ndarray
            float32. The very values where the grids agree; beyond them the
            outermost go on.
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
