"""A stack of moving squares, and a segmenter that sees them without a network."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from napari_hqsam.images import normalization, open_image
from napari_hqsam.jobs.batches import run as running
from napari_hqsam.masks import Mask
from napari_hqsam.models import Tuning
from napari_hqsam.tiling import Grid


class Squares:
    """Looks like a `Segmenter`: a prompt means the bright square that it points at.

    Attributes
    ----------
    done : list
        Planes that were asked for, in order; `fails_at` is where it breaks.
    """

    def __init__(self, pixels, axes):
        self.image = open_image(pixels, axes=axes)
        self.model = SimpleNamespace(
            name="squares", digest="0", decoder_digest="1", dtype="x", tuning=Tuning()
        )
        self.normalization = normalization(self.image, "none")
        self.grid = Grid(self.image.plane_shape, 64)
        self.source = SimpleNamespace(encoded=0)
        self.done = []
        self.fails_at = None

    def objects(self, plane):
        self.done.append(tuple(plane.values()))
        if self.done[-1] == self.fails_at:
            raise MemoryError("as told")
        bright = self.image.read_plane(plane)[..., 0] > 100
        labels, _ = ndimage.label(bright)
        return labels, ndimage.find_objects(labels)

    def iter_many(self, prompts, *, plane, **_):
        labels, places = self.objects(plane)
        for i in reversed(range(len(prompts))):
            y, x = (int(v) for v in prompts[i].points[0])
            found = labels[y, x]
            if not found:
                yield i, Mask.from_crop(np.zeros((0, 0), bool), (0, 0), 0.0, 0.0)
                continue
            place = places[found - 1]
            corner = place[0].start, place[1].start
            yield i, Mask.from_crop(labels[place] == found, corner, 0.9, 1.0)

    def every(self, plane):
        labels, places = self.objects(plane)
        for found, place in enumerate(places, 1):
            corner = place[0].start, place[1].start
            yield Mask.from_crop(labels[place] == found, corner, 0.9, 1.0)


@pytest.fixture
def squares(monkeypatch):
    """Make a `Squares` of pixels."""

    def every(segmenter, *, plane, progress, **_):
        for n, mask in enumerate(segmenter.every(plane)):
            progress(n, 9)
            yield mask

    monkeypatch.setattr(running, "iter_everything", every)

    def make(pixels, axes="zyx"):
        return Squares(pixels, axes)

    return make


@pytest.fixture
def stack():
    """(6, 40, 60) uint8: two squares that wander, the second missing on plane 3."""
    pixels = np.zeros((6, 40, 60), np.uint8)
    for z in range(6):
        pixels[z, 5 + z : 15 + z, 5:15] = 200
        if z != 3:
            pixels[z, 20:30, 40 - z : 50 - z] = 150
    return pixels
