"""Volumes of known objects, and a segmentation that finds those that meet a region."""

import random
from functools import lru_cache

import numpy as np
import pytest
from scipy import ndimage

from napari_hqsam.jobs.blocks import file as blocks_file_module
from napari_hqsam.jobs.executors.interface import attempt
from napari_hqsam.masks import Mask


@lru_cache
def volume(seed=0, shape=(5, 640, 600), spacing=28, smallest=3):
    """(z, y, x) uint8 and its labels: balls that do not touch, on a jittered grid.

    And a rod, longer than a cell.
    """
    rng = np.random.default_rng(seed)
    pixels = np.zeros(shape, np.uint8)
    rod = 205
    pixels[1:4, rod - 4 : rod + 4, 20:-20] = 200
    for y in range(spacing // 2, shape[1], spacing):
        if abs(y - rod) < spacing:
            continue
        for x in range(spacing // 2, shape[2], spacing):
            radius = rng.uniform(smallest, spacing / 2 - 5)
            at = (rng.uniform(0, shape[0]), *(v + rng.uniform(-3, 3) for v in (y, x)))
            low = [max(int(c - radius) - 1, 0) for c in at]
            box = tuple(
                slice(a, min(int(c + radius) + 2, n))
                for a, c, n in zip(low, at, shape, strict=True)
            )
            grid = np.ogrid[box]
            inside = sum((g - c) ** 2 for g, c in zip(grid, at, strict=True))
            pixels[box][inside <= radius**2] = 200
    return pixels, ndimage.label(pixels)[0]


HALO, SMALL = 8, 40


class Shuffled:
    """An executor whose tasks run in a random order."""

    def __init__(self, seed, fails_after=None):
        self.seed, self.left = seed, fails_after

    def map(self, work, tasks):
        listed = list(tasks)
        random.Random(self.seed).shuffle(listed)
        for task in listed:
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise KeyboardInterrupt
            yield attempt(work, 0, task)

    def close(self):
        pass


@pytest.fixture
def find_all(monkeypatch):
    """Stand in for the network: bright objects that meet the region.

    What lies on the border of cells is found in each: small objects cut off at `HALO`
    pixels beyond the region, large ones whole, as they grow.
    """

    def every(segmenter, *, plane, region, **_):
        pixels = segmenter.image.read_plane(plane)[..., 0]
        labels, _ = ndimage.label(pixels > 100)
        y0, x0, y1, x1 = region
        places = ndimage.find_objects(labels)
        for number in np.unique(labels[y0:y1, x0:x1])[1:].tolist():
            place = places[number - 1]
            if place[1].stop - place[1].start < SMALL:
                seen = (
                    slice(max(y0 - HALO, 0), y1 + HALO),
                    slice(max(x0 - HALO, 0), x1 + HALO),
                )
                place = tuple(
                    slice(max(a.start, b.start), min(a.stop, b.stop))
                    for a, b in zip(place, seen, strict=True)
                )
            corner = place[0].start, place[1].start
            score = 0.5 + (number * 37 % 50) / 100
            yield Mask.from_crop(labels[place] == number, corner, score, 1.0)

    monkeypatch.setattr("napari_hqsam.segmentation.automatic.iter_everything", every)


@pytest.fixture
def shuffled(monkeypatch):
    """Run tasks in a random order; interrupt after so many of them."""

    def use(seed, fails_after=None):
        monkeypatch.setattr(
            blocks_file_module, "make_executor", lambda _: Shuffled(seed, fails_after)
        )

    return use


def same_objects(labels, wanted):
    """Whether two label images have the same objects, under whatever ids."""
    pairs = np.unique(np.stack([labels.ravel(), wanted.ravel()]), axis=1)
    dense = set(range(1, labels.max() + 1)) == set(np.unique(labels)) - {0}
    return dense and len(pairs[0]) == len(set(pairs[0])) == len(set(pairs[1]))
