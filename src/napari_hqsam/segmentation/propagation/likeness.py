"""Whether what a mask holds still looks like the object, to the encoder.

SAM always finds something where it is told to look, and is as sure of it where an
object has ended as within: its stability does not tell. What the mask holds does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.network import TileFeatures
    from napari_hqsam.prompts import Logits
    from napari_hqsam.tiling import Tile

RING = 2
"""Width of the surroundings that an object is compared with, feature cells."""


def contrast(
    features: TileFeatures, tile: Tile, logits: Logits
) -> NDArray[np.float32] | None:
    """Mean image embedding within an object less that around it.

    Parameters
    ----------
    features : TileFeatures
    tile : Tile
        Where they are from.
    logits : Logits
        The object's map.

    Returns
    -------
    ndarray or None
        (256,) float32; None if the object is smaller than a cell, or fills the tile.
    """
    embedding = features.features[0].float().cpu().numpy()
    cell = 4 * tile.decoded_pitch
    inside = logits.on_grid((tile.y0, tile.x0), cell, embedding.shape[:2]) > 0
    around = ndimage.binary_dilation(inside, iterations=RING) & ~inside
    if not inside.any() or not around.any():
        return None
    difference: NDArray[np.float32] = embedding[inside].mean(0) - embedding[
        around
    ].mean(0)
    return difference


def likeness(now: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """How much of the reference's contrast is still there, 0..1.

    Parameters
    ----------
    now, reference : ndarray
        (256,) float32, from `contrast`.
    """
    length = float(reference @ reference)
    return float(np.clip(now @ reference / length, 0, 1)) if length else 1.0
