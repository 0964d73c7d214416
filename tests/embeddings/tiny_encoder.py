"""An encoder of no weight, so that what is tested is all around it."""

from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F

from napari_hqsam.embeddings import TileSource
from napari_hqsam.images import normalization, open_image
from napari_hqsam.network import TileFeatures
from napari_hqsam.tiling import Grid


class TinyNetwork:
    """Means of 16 x 16 pixels, in as many channels as the true ones have."""

    def __init__(self, early_dim=8, gain=1.0):
        self.early_dim = early_dim
        self.gain = gain

    def encode(self, image):
        grey = F.avg_pool2d(image.mean(1, keepdim=True), 16) * self.gain
        ramp = torch.linspace(0.5, 2, 256)[None, :, None, None]
        # As a channels-last encoder gives it.
        features = (grey * ramp).to(memory_format=torch.channels_last)
        early = grey.permute(0, 2, 3, 1) * torch.linspace(-1, 1, self.early_dim)
        return features, early

    def prepare(self, features, early):
        hq = early.float().sin()
        return TileFeatures(features.float(), hq, torch.zeros(1))


def tiny_model(size=64, **changes):
    """What a `TileSource` wants to know of a model."""
    facts = {
        "name": "tiny",
        "digest": "0" * 64,
        "dtype": torch.float32,
        "device": torch.device("cpu"),
        "input_size": size,
        "network": TinyNetwork(),
    }
    return SimpleNamespace(**facts | changes)


def noise(shape=(150, 170), seed=0):
    return np.random.default_rng(seed).integers(0, 4000, shape, np.uint16)


def tiny_source(cache, pixels=None, *, axes=None, model=None, **options):
    image = open_image(noise() if pixels is None else pixels, axes=axes)
    return TileSource(
        image,
        model or tiny_model(),
        normalization(image, (0, 4000)),
        cache=cache,
        **options,
    )


def tiles_of(source, levels=(0,)):
    grid = Grid(source.image.plane_shape, source.model.input_size)
    h, w = grid.plane_shape
    return [t for k in levels for t in grid.overlapping(k, (0, 0, h, w))]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
