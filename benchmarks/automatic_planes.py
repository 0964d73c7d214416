"""Automatic segmentation of generated planes: tiles, and planes of any size.

Parts of the command `automatic.py`: every object whole and once.
"""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import reference  # noqa: F401 - puts the repository on the path
import torch
from scaling import seeded

from napari_hqsam import Segmenter, load_model
from napari_hqsam.models import Tuning, read_state_dict
from napari_hqsam.network import build_network, find_instance_decoder
from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.automatic import iter_everything
from tests.helpers.bright_network import BrightNetwork, add_instance_decoder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from napari_hqsam.masks import Mask

LIMITS = (0.0, 255.0)


class Discs:
    """A dark plane of any size with bright discs on a grid."""

    dtype = np.dtype(np.uint8)
    ndim = 2

    def __init__(self, side: int, step: int, radius: int) -> None:
        self.shape, self.step, self.radius = (side, side), step, radius

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        y, x = (
            (np.arange(*part.indices(n)) % self.step - self.step // 2) ** 2
            for part, n in zip(key, self.shape, strict=True)
        )
        return np.where(y[:, None] + x < self.radius**2, 220, 20).astype(np.uint8)

    def count(self, masks: Iterable[Mask]) -> str:
        """Count discs found once, twice, cut and missed, and masks of none."""
        found = np.zeros([n // self.step for n in self.shape], int)
        cut = others = 0
        for mask in masks:
            y0, x0, y1, x1 = mask.bbox
            row, column = (y0 + y1) // 2 // self.step, (x0 + x1) // 2 // self.step
            whole = mask.area / (np.pi * self.radius**2)
            if max(row, column) >= len(found) or not 0.2 < whole < 2:
                others += 1
                continue
            found[row, column] += 1
            cut += whole < 0.8
        return (
            f"{found.size} discs: once {(found == 1).sum()}, twice or more "
            f"{(found > 1).sum()}, missed {(found == 0).sum()}, cut {cut}; "
            f"other masks {others}"
        )


def tiles(args: argparse.Namespace) -> None:
    """Count what is found on 9 tiles, and in one look as large as they are."""
    model = load_model(args.model)
    side, state = 2 * model.input_size, read_state_dict(model.path)[0]
    network = build_network(
        model.variant,
        input_size=side,
        render_prompts=model.network.prompt_encoder.render_prompts,
        instance_decoder=find_instance_decoder(state),
    )
    network.load(state)
    fields = {"input_size": side, "network": network.optimize()}
    wide: Any = SimpleNamespace(**vars(seeded(model.variant, side)) | fields)
    wide.tuning = model.tuning
    for name, one in (("9 tiles", model), ("one look", wide)):
        plane = Discs(side, side // 8, side // 32)
        segmenter = Segmenter(plane, one, normalization=LIMITS, cache=False)
        found = segmenter.segment_everything(level=0, proposer=args.proposer)
        print(f"{name} ({segmenter.source.encoded} encoded): {plane.count(found)}")


def plane(args: argparse.Namespace) -> None:
    """Count what is found on a large plane, and measure memory."""
    import resource

    if args.network == "bright":  # a network of known answers: exact counts
        model: Any = SimpleNamespace(
            name="bright",
            digest="0" * 64,
            network=BrightNetwork(256),
            input_size=256,
            tuning=Tuning(quality=0.2, candidate_quality=0.4, points_per_side=16),
            device=torch.device("cpu"),
            dtype=torch.float32,
        )
        if args.proposer in ("apg", "ais"):
            add_instance_decoder(model)
    else:
        model = load_model(args.network)
    discs = Discs(args.side, 500, 60)
    segmenter = Segmenter(discs, model, normalization=LIMITS, cache=False)
    segmenter.segment(Prompt([(250, 250)]), level=2)  # thread pools, kernels
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    found = discs.count(iter_everything(segmenter, level=2, proposer=args.proposer))
    seconds = time.perf_counter() - start
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    print(f"{args.side} x {args.side}, {found}")
    print(f"{segmenter.source.encoded} tiles, {seconds:.0f} s, {more:.0f} MiB more")
