"""Encode the pixels of a tile, and prepare the embedding for the decoder.

Embeddings are always rounded to float16 in between, so that results are bit-identical
whether a tile was just encoded or read from a store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from napari_hqsam.network import network_input, resize_rgb8

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.models import Model
    from napari_hqsam.network import TileFeatures
    from napari_hqsam.tiling import Tile

FLOAT16_MAX = float(np.finfo(np.float16).max)


class Embedding(NamedTuple):
    """The output of the image encoder for one tile.

    Attributes
    ----------
    features : (256, g, g) float16 array
        g = input size / 16.
    early : (g, g, c) float16 array
        The early feature that HQ needs; c depends on the encoder.
    """

    features: NDArray[np.float16]
    early: NDArray[np.float16]

    @property
    def nbytes(self) -> int:
        """Memory that both take, bytes."""
        return self.features.nbytes + self.early.nbytes


@torch.inference_mode()
def encode_pixels(model: Model, pixels: NDArray[np.uint8], tile: Tile) -> Embedding:
    """Run the image encoder.

    Parameters
    ----------
    model : Model
        Network on its device.
    pixels : (h, w, 3) uint8 array
        The tile's region of the plane, normalised; of any size.
    tile : Tile
        Position of the pixels in the network's input.
    """
    image = torch.from_numpy(pixels).permute(2, 0, 1)
    # Resized on the CPU on every device: torch's uint8 kernel, equal to Pillow's
    # to one grey level, exists only there.
    resized = resize_rgb8(image, tile.resized_shape).to(model.device)
    features, early = model.network.encode(network_input(resized, tile.size))
    return Embedding(_to_float16(features), _to_float16(early))


@torch.inference_mode()
def decode_ready(model: Model, embedding: Embedding) -> TileFeatures:
    """Compute the prompt-independent part of the decoder, on the device."""
    features, early = (torch.from_numpy(x)[None].to(model.device) for x in embedding)
    return model.network.prepare(features, early)


def encode_tile(model: Model, pixels: NDArray[np.uint8], tile: Tile) -> TileFeatures:
    """Encode a tile and prepare it for prompts, without caching.

    Parameters as in `encode_pixels`.
    """
    return decode_ready(model, encode_pixels(model, pixels, tile))


def _to_float16(batch: torch.Tensor) -> NDArray[np.float16]:
    """Round the only tensor of a batch to float16, with saturation.

    Always contiguous in memory: torch chooses kernels by memory layout, and each
    rounds differently.
    """
    values = batch[0].float().clamp(-FLOAT16_MAX, FLOAT16_MAX).half()
    array: NDArray[np.float16] = values.cpu().contiguous().numpy()
    return array
