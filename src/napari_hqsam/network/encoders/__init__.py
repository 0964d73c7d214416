"""Image encoders, with one interface and one table.

A new encoder takes a module with an `ImageEncoder` and a line in `ENCODERS`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from napari_hqsam.network.encoders.base import ImageEncoder
from napari_hqsam.network.encoders.efficientnet_lite import EfficientNetLite
from napari_hqsam.network.encoders.tiny_vit import TinyViT
from napari_hqsam.network.encoders.vit import VIT_SHAPES, ViT

if TYPE_CHECKING:
    from collections.abc import Callable


class Encoder(NamedTuple):
    """How an encoder is built, and how its weights are recognised.

    Attributes
    ----------
    build : callable
        Builds the encoder, with random weights.
    key : str
        A key of its state dict that recognises it.
    width : int
        Length of the last axis of that weight, if the key alone is ambiguous;
        otherwise 0.
    """

    build: Callable[[], ImageEncoder]
    key: str
    width: int = 0


def _vit(name: str) -> Encoder:
    shape = VIT_SHAPES[name]
    return Encoder(partial(ViT, shape), "image_encoder.pos_embed", shape.dim)


ENCODERS: dict[str, Encoder] = {
    "efficientnet_lite0": Encoder(EfficientNetLite, "image_encoder.stem.c.weight"),
    "vit_tiny": Encoder(TinyViT, "image_encoder.patch_embed.seq.0.c.weight"),
    "vit_b": _vit("vit_b"),
    "vit_l": _vit("vit_l"),
    "vit_h": _vit("vit_h"),
}

__all__ = ["ENCODERS", "Encoder", "ImageEncoder"]
