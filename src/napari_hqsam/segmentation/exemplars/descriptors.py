"""Describe objects and places of a tile by the image encoder's features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.segmentation.automatic.proposing import TileView
    from napari_hqsam.tiling import Tile

CELL = 4
"""Pixels of the decoder's logits along the side of one value of the embedding."""


@torch.inference_mode()
def descriptors(view: TileView) -> NDArray[np.float32]:
    """Return SAM's image embedding of a tile as unit vectors.

    Every checkpoint of the family has it; of the bundled model's features it is the one
    that told objects of validation images apart best.

    Parameters
    ----------
    view : TileView
        Encoded first if its embedding is not stored.

    Returns
    -------
    (g, g, 256) float32 array
        g = input size / 16.
    """
    features = view.embedding.features[0].float()
    unit: NDArray[np.float32] = F.normalize(features, dim=-1).cpu().numpy()
    return unit


def descriptor(view: TileView, mask: Mask) -> NDArray[np.float32] | None:
    """Return the unit mean of the descriptors on a mask; None if the tile lacks it.

    Parameters
    ----------
    view : TileView
        The tile whose centre is nearest to the mask's.
    mask : Mask
        Plane pixels; what the tile does not show of it is ignored.
    """
    unit = descriptors(view)
    weights = coverage(mask, view.tile, len(unit))
    if not weights.any():
        return None
    mean = np.tensordot(weights, unit, 2)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)


def coverage(mask: Mask, tile: Tile, cells: int) -> NDArray[np.float32]:
    """Return the fraction of each value of a tile's embedding that a mask covers.

    Parameters
    ----------
    mask : Mask
        Plane pixels.
    tile : Tile
    cells : int
        Values along the side of the embedding.

    Returns
    -------
    (cells, cells) float32 array
        Sampled at the resolution of the logits. Where the mask holds none of these
        points, all of it is counted where its middle lies.
    """
    pitch, side = tile.decoded_pitch, cells * CELL
    rows, columns = (
        np.floor((np.arange(side) + 0.5) * pitch + start).astype(int) - first
        for start, first in zip((tile.y0, tile.x0), mask.bbox[:2], strict=True)
    )
    h, w = mask.data.shape
    on_rows, on_columns = (rows >= 0) & (rows < h), (columns >= 0) & (columns < w)
    on = np.zeros((side, side), np.float32)
    on[np.ix_(on_rows, on_columns)] = mask.data[
        np.ix_(rows[on_rows], columns[on_columns])
    ]
    if mask.area and not on.any():
        middle = (
            int(((first + last) / 2 - start) // pitch)
            for first, last, start in zip(
                mask.bbox[:2], mask.bbox[2:], (tile.y0, tile.x0), strict=True
            )
        )
        row, column = middle
        if 0 <= row < side and 0 <= column < side:
            on[row, column] = 1
    found: NDArray[np.float32] = on.reshape(cells, CELL, cells, CELL).mean((1, 3))
    return found
