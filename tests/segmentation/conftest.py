"""A network whose answers are known: the bright object that the prompt points at."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage

from napari_hqsam.models import Tuning
from napari_hqsam.network import TileFeatures
from napari_hqsam.network.mask_decoder import Decoded
from napari_hqsam.network.transforms import PIXEL_MEAN, PIXEL_STD


class BrightNetwork:
    """Segments what is brighter than half, connected to the prompt, within its tile.

    Looks like `HQSAM` to its callers. As a real network, it knows nothing beyond
    its tile, and less at its border: the outermost logits are blurred towards 0.

    Parameters
    ----------
    size : int
        Side of the input.
    unsure : int
        Width of the border, network pixels, within which answers fade.
    """

    def __init__(self, size, unsure=0):
        self.input_size, self.unsure = size, unsure
        self.encoded = 0
        self.decoded = 0

    def encode(self, images):
        self.encoded += len(images)
        grey = images[:, :1] * PIXEL_STD[0] + PIXEL_MEAN[0]
        quarter = F.avg_pool2d(grey / 255, 4)
        features = F.pixel_unshuffle(quarter, 4)
        blank = features.new_zeros(len(images), 240, *features.shape[-2:])
        return torch.cat([features, blank], 1), features

    def prepare(self, features, early):
        quarter = F.pixel_shuffle(features[:, :16].float(), 4)
        return TileFeatures(quarter, quarter, quarter)

    def decode(self, tile, prompts, *, hq=True):
        grey = tile.features[0, 0].numpy()
        labels, _ = ndimage.label(grey > 0.5, np.ones((3, 3)))
        side = grey.shape[0]
        logits = []
        for row in range(len(prompts)):
            self.decoded += 1
            chosen = set()
            kinds = prompts.labels[row].tolist()
            corner = None
            for (x, y), kind in zip(prompts.coords[row].tolist(), kinds, strict=True):
                r, c = int((y + 0.5) // 4), int((x + 0.5) // 4)
                if kind == 1 and 0 <= r < side and 0 <= c < side:
                    chosen.add(int(labels[r, c]))
                if kind == 2:
                    corner = max(r, 0), max(c, 0)
                if kind == 3 and corner is not None:
                    inside = labels[corner[0] : r + 1, corner[1] : c + 1]
                    counts = np.bincount(inside.ravel(), minlength=2)
                    counts[0] = 0
                    chosen.add(int(counts.argmax()))
            chosen.discard(0)
            near = ndimage.binary_dilation(np.isin(labels, list(chosen)), iterations=2)
            answer = np.where(near, (grey - 0.5) * 16, -6).astype(np.float32)
            logits.append(answer * self._sureness(side))
        sam = torch.from_numpy(np.stack(logits))[:, None].repeat(1, 4, 1, 1)
        iou = torch.full((len(logits), 4), 0.9)
        return Decoded(sam, torch.zeros_like(sam[:, :1]) if hq else None, iou)

    def _sureness(self, side):
        if not self.unsure:
            return np.float32(1)
        depth = np.minimum(np.arange(side), np.arange(side)[::-1]) + 0.5
        line = np.clip(depth / (self.unsure / 4), 0.1, 1)
        return np.minimum.outer(line, line).astype(np.float32)


@pytest.fixture
def bright():
    """Make a model around a `BrightNetwork`."""

    def make(size=128, unsure=0):
        network = BrightNetwork(size, unsure)
        return SimpleNamespace(
            name="bright",
            network=network,
            input_size=size,
            tuning=Tuning(quality=0.2, candidate_quality=0.4, sure_quality=0.4),
            device=torch.device("cpu"),
            dtype=torch.float32,
        )

    return make


class Drawn:
    """A plane of any size, computed where it is read; counts what is read.

    Parameters
    ----------
    shape : (h, w)
    value : callable
        (y, x) broadcastable float arrays -> 0..1.
    """

    dtype = np.dtype(np.uint8)
    ndim = 2

    def __init__(self, shape, value):
        self.shape, self.value = shape, value
        self.pixels_read = 0
        self.largest_read = 0

    def __getitem__(self, key):
        ys, xs = (
            np.arange(*part.indices(n)) for part, n in zip(key, self.shape, strict=True)
        )
        pixels = len(ys) * len(xs)
        self.pixels_read += pixels
        self.largest_read = max(self.largest_read, pixels)
        value = self.value(ys[:, None].astype(float), xs[None].astype(float))
        return np.broadcast_to(np.rint(value * 255), (len(ys), len(xs))).astype("u1")


def soft(distance):
    """Brightness of a shape from the signed distance to its outline, inside > 0."""
    return np.clip(distance / 4 + 0.5, 0, 1)


@pytest.fixture
def drawn():
    return Drawn


@pytest.fixture(name="soft")
def soft_fixture():
    return soft
