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
        Sampled at the resolution of the logits, see `on_logits`.
    """
    side = cells * CELL
    on = on_logits(mask, tile, side, side).astype(np.float32)
    found: NDArray[np.float32] = on.reshape(cells, CELL, cells, CELL).mean((1, 3))
    return found


def on_logits(mask: Mask, tile: Tile, rows: int, columns: int) -> NDArray[np.bool_]:
    """Sample a mask at the resolution of a tile's logits.

    Returns
    -------
    (rows, columns) bool array
        From the tile's first pixel on. Where the mask holds none of the sampled points,
        the one in its middle stands for it.
    """
    pitch, (h, w) = tile.decoded_pitch, mask.data.shape
    ys, xs = (
        np.floor((np.arange(count) + 0.5) * pitch + start).astype(int) - first
        for count, start, first in zip(
            (rows, columns), (tile.y0, tile.x0), mask.bbox[:2], strict=True
        )
    )
    in_y, in_x = (ys >= 0) & (ys < h), (xs >= 0) & (xs < w)
    on = np.zeros((rows, columns), bool)
    on[np.ix_(in_y, in_x)] = mask.data[np.ix_(ys[in_y], xs[in_x])]
    if mask.area and not on.any():
        row, column = (
            int(((first + last) / 2 - start) // pitch)
            for first, last, start in zip(
                mask.bbox[:2], mask.bbox[2:], (tile.y0, tile.x0), strict=True
            )
        )
        if 0 <= row < rows and 0 <= column < columns:
            on[row, column] = True
    return on
