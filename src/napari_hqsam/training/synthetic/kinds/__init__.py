"""The kinds of synthetic images, one module each, behind one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_hqsam.training.synthetic.kinds import (
    filaments,
    membranes,
    mixed,
    networks,
    neuropil,
    nuclei,
    organelles,
    particles,
    plain,
    rods,
    spheroids,
    tissue,
    worms,
    yeast,
)

Draw = Callable[[np.random.Generator], tuple[NDArray[np.uint8], NDArray[np.int32]]]


class Kind(NamedTuple):
    """How a kind of image is drawn, and properties of its labels.

    Attributes
    ----------
    draw : callable
        Generator to image (h, w) or (h, w, 3) uint8 and labels (h, w) int32.
    share : float
        Relative frequency.
    sign : int
        1: objects are brighter than the background around them, -1: darker;
        0: distinguished by their outline, or the sign varies between images.
    connected : bool
        Each object is one piece (8-connected).
    """

    draw: Draw
    share: float
    sign: int = 0
    connected: bool = True


KINDS: dict[str, Kind] = {
    "filaments": Kind(filaments.draw, 1.0, 1, connected=False),
    "membranes": Kind(membranes.draw, 1.2),
    "mixed": Kind(mixed.draw, 1.5, 1),
    "networks": Kind(networks.draw, 0.8, 1),
    "neuropil": Kind(neuropil.draw, 0.8),
    "nuclei": Kind(nuclei.draw, 1.2, 1),
    "organelles": Kind(organelles.draw, 0.8, -1),
    "particles": Kind(particles.draw, 1.0, 1),
    "plain": Kind(plain.draw, 5.0),
    "rods": Kind(rods.draw, 1.0),
    "spheroids": Kind(spheroids.draw, 0.8, -1),
    "tissue": Kind(tissue.draw, 1.2, -1),
    "worms": Kind(worms.draw, 0.7, -1),
    "yeast": Kind(yeast.draw, 1.0),
}


def draw(
    name: str, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw an image of a kind; repeat until it has an object."""
    while True:
        image, labels = KINDS[name].draw(rng)
        if labels.any():
            return image, labels
