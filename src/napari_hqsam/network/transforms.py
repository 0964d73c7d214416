"""Transform a uint8 RGB image to network input, and logits to image pixels.

Tensors in, tensors out. Same values as ``SamPredictor`` of the reference:
Pillow's antialiased bilinear resize, ImageNet statistics, zero padding at the
bottom and right; logits are upsampled in two steps.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


def resize_rgb8(image: Tensor, shape: tuple[int, int]) -> Tensor:
    """Resize (3, h, w) uint8 to (3, *shape) uint8 as Pillow's BILINEAR does.

    Within one grey level of Pillow (its fixed-point arithmetic).
    """
    if tuple(image.shape[-2:]) == tuple(shape):
        return image
    return F.interpolate(
        image[None], shape, mode="bilinear", align_corners=False, antialias=True
    )[0]


def network_input(image: Tensor, size: int) -> Tensor:
    """Normalise (3, h, w) uint8, h and w at most `size`, and pad to a square.

    Returns
    -------
    Tensor
        (1, 3, size, size) float32.
    """
    mean = torch.tensor(PIXEL_MEAN, device=image.device)[:, None, None]
    std = torch.tensor(PIXEL_STD, device=image.device)[:, None, None]
    x = (image.float() - mean) / std
    h, w = x.shape[-2:]
    return F.pad(x, (0, size - w, 0, size - h))[None]


def upsample_logits(
    logits: Tensor, size: int, resized: tuple[int, int], shape: tuple[int, int]
) -> Tensor:
    """Upsample low-resolution logits to the pixels of their source region.

    Parameters
    ----------
    logits : Tensor
        (B, C, size/4, size/4).
    size : int
        Side of the network input.
    resized : tuple of int
        Height and width of the image inside the input, before padding.
    shape : tuple of int
        Height and width of the source region.

    Returns
    -------
    Tensor
        (B, C, *shape) float32; > 0 is the mask. Two bilinear steps, as
        ``Sam.postprocess_masks`` (reference file ``modeling/sam.py``).
    """
    x = F.interpolate(
        logits.float(), (size, size), mode="bilinear", align_corners=False
    )
    x = x[..., : resized[0], : resized[1]]
    return F.interpolate(x, shape, mode="bilinear", align_corners=False)
