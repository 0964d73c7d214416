"""Examples: what they look like, how large and how bright they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_hqsam.images import read_rgb8
from napari_hqsam.segmentation.automatic.proposing import TileView
from napari_hqsam.segmentation.exemplars.descriptors import (
    CELL,
    descriptor,
    descriptors,
    on_logits,
)
from napari_hqsam.segmentation.plane.decoding import PlaneDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_hqsam.geometry import PlaneIndex
    from napari_hqsam.masks.mask import Mask
    from napari_hqsam.segmentation.plane.segmenter import PlaneSegmenter

SLACK, ALONE = 0.2, 0.8
"""How much less similar a match may be than the examples are to each other (cosine),
and what takes the place of that for a single example."""
SIZES, GREY = 5.0, 60.0
"""Factor by which the area of a match may be below or above that of all examples, and
how far its mean grey may lie outside theirs, of 255. These and `SLACK` were chosen on
seven validation images of five data sets, with 1, 3 and 10 examples."""


@dataclass(frozen=True, eq=False)
class Example:
    """An object that others are to be like, or unlike.

    Attributes
    ----------
    mask : Mask
        Mask of the object, plane pixels.
    plane : mapping of str to int, or tuple of int
        Where it is, such as ``{"z": 12}``; see `geometry.PlaneIndex`.
    """

    mask: Mask
    plane: PlaneIndex = ()


class ExampleModel:
    """What is known of the objects wanted, from a few examples.

    Parameters
    ----------
    segmenter : PlaneSegmenter
        Segments planes of the image with the examples.
    examples, unlike : sequence of Example
        Examples of the objects wanted, at least one; and of objects not wanted.
    level : int
        At which tiles are compared.

    Attributes
    ----------
    least : float
        Similarity, from which an object is a match.
    radius : float
        Radius of a disc of the examples' median area, plane pixels.
    areas : (float, float)
        Least and greatest area of a match, plane pixels.
    """

    def __init__(
        self,
        segmenter: PlaneSegmenter,
        examples: Sequence[Example],
        unlike: Sequence[Example],
        level: int,
    ) -> None:
        self._segmenter, self.level = segmenter, level
        self._examples = examples
        self._like = self._descriptors(examples)
        self._unlike = self._descriptors(unlike)
        self.least = _least_similarity(self._like)
        sizes = [example.mask.area for example in examples]
        self.radius = float(np.sqrt(np.median(sizes) / np.pi))
        self.areas = min(sizes) / SIZES, max(sizes) * SIZES
        greys = [self.grey(example) for example in examples]
        self._greys = min(greys) - GREY, max(greys) + GREY

    def similarity(self, example: Example) -> float:
        """Return the cosine similarity of an object to the nearest example, -1..1.

        -1 if an object of those not wanted is as near or nearer (nearest neighbour
        classification).
        """
        found = descriptor(self._view(example), example.mask)
        return -1.0 if found is None else float(self._compare(found[:, None])[0])

    def similarity_map(self, view: TileView) -> NDArray[np.float32]:
        """Return the similarity at each value of a tile's embedding, (g, g) -1..1."""
        unit = descriptors(view)
        return self._compare(unit.reshape(-1, unit.shape[-1]).T).reshape(unit.shape[:2])

    def smooth_similarity(self, view: TileView) -> NDArray[np.float32]:
        """Return the similarity on a tile, smoothed to the size of the examples.

        Returns
        -------
        (h, w) float32 array
            At the resolution of the logits, of the tile's `decoded_shape`.
        """
        h, w = view.tile.decoded_shape
        coarse = self.similarity_map(view)
        fine = ndimage.zoom(coarse, CELL, order=1, grid_mode=True, mode="nearest")
        sigma = self.radius / view.tile.decoded_pitch / 2
        smooth: NDArray[np.float32] = ndimage.gaussian_filter(fine[:h, :w], sigma)
        return smooth

    @cached_property
    def least_peak(self) -> float:
        """Least `smooth_similarity` of a match: that of the lowest example, less slack.

        One place shows less of an object than the mean over it.
        """
        heights = []
        for example in self._examples:
            view = self._view(example)
            smooth = self.smooth_similarity(view)
            on = on_logits(example.mask, view.tile, smooth.shape[0], smooth.shape[1])
            heights.append(float(smooth[on].max()) if on.any() else self.least)
        return min(heights) - SLACK

    def fits(self, example: Example) -> bool:
        """Whether size and mean grey of an object are near those of the examples."""
        least, most = self.areas
        if not least <= example.mask.area <= most:
            return False
        darkest, brightest = self._greys
        return darkest <= self.grey(example) <= brightest

    def grey(self, example: Example) -> float:
        """Return the mean of the 8-bit RGB pixels on an object, 0..255."""
        segmenter, mask = self._segmenter, example.mask
        # read where it is compared: the cost does not grow with the object
        step = 1 << max(0, self.level)
        y0, x0, y1, x1 = mask.bbox
        region = (
            y0 // step * step,
            x0 // step * step,
            -(-y1 // step) * step,
            -(-x1 // step) * step,
        )
        pixels = read_rgb8(
            segmenter.image,
            segmenter.normalization,
            segmenter.image.position(example.plane),
            region,
            max(0, self.level),
        )
        rows = np.clip(_centres(region[0], len(pixels), step) - y0, 0, y1 - y0 - 1)
        columns = np.clip(
            _centres(region[1], pixels.shape[1], step) - x0, 0, x1 - x0 - 1
        )
        on = mask.data[np.ix_(rows, columns)]
        return float(pixels[on].mean()) if on.any() else float(pixels.mean())

    def _compare(self, descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compare (256, n) unit descriptors with the examples."""
        near: NDArray[np.float32] = (self._like @ descriptors).max(0)
        if len(self._unlike):
            near = np.where(
                (self._unlike @ descriptors).max(0) >= near, np.float32(-1), near
            )
        return near

    def _descriptors(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """Return (n, 256) unit descriptors of examples."""
        found = [descriptor(self._view(each), each.mask) for each in examples]
        if not found:
            return np.zeros((0, 256), np.float32)
        return np.stack([each for each in found if each is not None])

    def _view(self, example: Example) -> TileView:
        return view_of(self._segmenter, example, self.level)


def view_of(segmenter: PlaneSegmenter, example: Example, level: int) -> TileView:
    """Return the tile of a level whose centre is nearest to an object's."""
    decoder = PlaneDecoder(
        segmenter.source,
        segmenter.model,
        segmenter.grid,
        segmenter.image.position(example.plane),
    )
    y0, x0, y1, x1 = example.mask.bbox
    centre = (y0 + y1 - 1) / 2, (x0 + x1 - 1) / 2
    return TileView(decoder, segmenter.grid.nearest(level, centre))


def _least_similarity(like: NDArray[np.float32]) -> float:
    """Return the similarity from which an object counts as like the examples."""
    if len(like) < 2:
        return ALONE - SLACK
    between = like @ like.T
    np.fill_diagonal(between, -1)
    return float(between.max(1).mean()) - SLACK


def _centres(start: int, count: int, step: int) -> NDArray[np.int_]:
    """Return the plane pixels at the centres of averaged pixels."""
    return start + np.arange(count) * step + step // 2
