"""A network whose answers are known: the bright object that the prompt points at."""

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from napari_hqsam.masks.instance_maps import instance_targets
from napari_hqsam.models import InstanceTuning, Tuning
from napari_hqsam.network import TileFeatures
from napari_hqsam.network.mask_decoder import Decoded
from napari_hqsam.network.transforms import PIXEL_MEAN, PIXEL_STD

TUNING = Tuning(
    object_share=1 / 3,
    first_levels=(2, 0, -2),
    cut_factor=0.5,
    view_sigmas=1.5,
    uncertain_score=0.5,
    automatic_share=1 / 8,
    points_per_side=32,
    quality=0.2,
    candidate_quality=0.4,
    sure_quality=0.4,
    end_stability=0.3,
    logit_blur=1.0,
)
"""All of it: no default that is chosen anew changes what this network is told."""


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
    nudge : float
        Added to all logits: golden labels are the same with a little of it, so that
        none hinges on how a machine rounds.
    varied : bool
        Whether candidates, the HQ mask, and logits of an earlier answer that are
        given back as mask prompt make a difference: each moves the outline a little.
    """

    instance_decoder = None
    outputs = ("sam+hq", "sam", "hq")

    def __init__(self, size, unsure=0, *, varied=False, nudge=0.0):
        self.input_size, self.unsure = size, unsure
        self.varied, self.nudge = varied, nudge
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
        # around 0, so that bright and dark differ in direction
        around = features - 0.5 * (torch.arange(features.shape[1]) < 16)[:, None, None]
        return TileFeatures(around.permute(0, 2, 3, 1), quarter, quarter)

    def decode(self, tile, prompts, *, hq=True):
        grey = tile.hq_features[0, 0].numpy()
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
            logits.append(self._recalled(answer, prompts, row) * self._sureness(side))
        sam = torch.from_numpy(np.stack(logits))[:, None].repeat(1, 4, 1, 1)
        fine = torch.zeros_like(sam[:, :1])
        iou = torch.full((len(logits), 4), 0.9)
        if self.varied:
            fine = 0.25 * sam[:, :1] + 0.6
            sam += torch.tensor([0.0, 2.1, -1.7, 0.9])[:, None, None]
            iou -= torch.tensor([0.0, 0.2, 0.1, 0.05])
        return Decoded(sam + self.nudge, fine if hq else None, iou)

    def _recalled(self, answer, prompts, row):
        given = prompts.mask_logits
        if not self.varied or given is None:
            return answer
        if prompts.has_mask is not None and not prompts.has_mask[row]:
            return answer
        held = given[row, 0].numpy() > 0
        return np.where(held & (answer > -6), answer + 1.3, answer).astype(np.float32)

    def _sureness(self, side):
        if not self.unsure:
            return np.float32(1)
        depth = np.minimum(np.arange(side), np.arange(side)[::-1]) + 0.5
        line = np.clip(depth / (self.unsure / 4), 0.1, 1)
        return np.minimum.outer(line, line).astype(np.float32)


class BrightInstanceDecoder:
    """Instance decoder that knows the maps of what is bright on a tile."""

    def __call__(self, tile):
        labels, _ = ndimage.label(tile.hq_features[0, 0].numpy() > 0.5)
        return torch.from_numpy(instance_targets(labels))[None]


def add_instance_decoder(model):
    """Give a model around a `BrightNetwork` an instance decoder of known answers."""
    model.network.instance_decoder = BrightInstanceDecoder()
    model.network.instance_maps = model.network.instance_decoder
    model.tuning = replace(model.tuning, ais=InstanceTuning(), apg=InstanceTuning())
    return model


def bright_model(size=128, unsure=0, **more):
    """What is asked of a `Model`, around a `BrightNetwork`."""
    return SimpleNamespace(
        name="bright",
        variant="bright",
        digest="0" * 64,
        decoder_digest="1" * 64,
        network=BrightNetwork(size, unsure, **more),
        input_size=size,
        tuning=TUNING,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


class SlowNetwork(BrightNetwork):
    """A `BrightNetwork` whose encoder costs a fixed time, and no processor."""

    seconds = 0.0

    def encode(self, images):
        time.sleep(self.seconds)
        return super().encode(images)


def load_bright(choice, device):
    """Load the stand-in in place of the model of a job; can be pickled.

    The name "bright:128:0.1:8" is of a network of 128 pixels that takes 0.1 s a tile,
    and whose grid has 8 clicks along a side.
    """
    _, *numbers = choice.name.split(":")
    usual = (128.0, 0.0, 16.0)
    size, seconds, points = (*map(float, numbers), *usual[len(numbers) :])
    model = bright_model(int(size))
    model.tuning = replace(TUNING, points_per_side=int(points))
    model.network = SlowNetwork(int(size))
    model.network.seconds = seconds
    return model
