"""From the pixels of a tile to decode-ready features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_hqsam.network import network_input, resize_rgb8

if TYPE_CHECKING:
    import numpy as np

    from napari_hqsam.models import Model
    from napari_hqsam.network import TileFeatures
    from napari_hqsam.tiling import Tile


@torch.inference_mode()
def encode_tile(model: Model, pixels: np.ndarray, tile: Tile) -> TileFeatures:
    """Run the image encoder and what of the decoder depends on the image alone.

    Parameters
    ----------
    model : Model
        Network on its device.
    pixels : ndarray
        (h, w, 3) uint8, the tile's region of the plane, normalised.
    tile : Tile
        Where the pixels go in the network's input.
    """
    image = torch.from_numpy(pixels).permute(2, 0, 1)
    # Resized on the CPU on every device: torch's uint8 kernel, equal to Pillow's
    # to one grey level, exists only there.
    resized = resize_rgb8(image, tile.resized_shape).to(model.device)
    features, early = model.network.encode(network_input(resized, tile.size))
    return model.network.prepare(features, early)
