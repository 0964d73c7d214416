"""Logits over part of a plane, blended from overlapping tiles."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry.boxes import EMPTY, around
from napari_hqsam.masks.algebra import tight_box

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_hqsam.geometry import Box
    from napari_hqsam.tiling import Grid, Tile

UNKNOWN = -8.0
"""Logit where no tile was decoded: background."""
COARSE_WEIGHT = 0.02
"""Weight of the coarser canvas; that of a tile falls from 1 to 0 at its border."""
MAX_CROP = 1 << 31
"""Most pixels of the tight box around an object, and bytes of its mask."""
_BAND = 1 << 21  # plane pixels upsampled at once


class LogitCanvas:
    """A sparse canvas of logits at one level.

    A canvas pixel is 4 network pixels wide, as the decoder's logits are, so that they
    are blended without resampling. Tiles are weighted by a raised cosine (Hann window)
    that falls to 0 at the border, where context is missing, except on sides where the
    plane ends. Windows of neighbours at half a tile's stride add up to 1, so there is
    no seam. Where the tiles fade out, a coarser canvas takes over, if there is one.

    Parameters
    ----------
    grid : Grid
        Tile grid of the plane.
    level : int
        Level of all tiles added.
    coarser : LogitCanvas, optional
        The canvas one level coarser; used where there is no tile.
    """

    def __init__(
        self, grid: Grid, level: int, coarser: LogitCanvas | None = None
    ) -> None:
        self.grid, self.level, self.coarser = grid, level, coarser
        self.tiles: list[Tile] = []
        self._cell = grid.size // 8  # canvas pixels from one tile to the next
        self._cells: dict[tuple[int, int], NDArray[np.float32]] = {}

    @classmethod
    def of(cls, grid: Grid, tile: Tile, logits: Tensor) -> LogitCanvas:
        """Make a canvas from the (S/4, S/4) logits of one tile of the grid."""
        assert tile.address is not None
        canvas = cls(grid, tile.address.level)
        canvas.add(tile, logits)
        return canvas

    @property
    def pitch(self) -> float:
        """Plane pixels per canvas pixel along each axis."""
        return 4 * 2.0**self.level

    def rect(self, tile: Tile) -> Box:
        """Return the box of a tile in canvas pixels, without its padding."""
        assert tile.address is not None
        r0, c0 = tile.address.row * self._cell, tile.address.col * self._cell
        h, w = tile.decoded_shape
        return r0, c0, r0 + h, c0 + w

    def add(self, tile: Tile, logits: Tensor) -> None:
        """Blend in the (S/4, S/4) logits of a tile of this level."""
        assert tile.address is not None
        weight = self._weight(tile)
        self._accumulate(tile, np.stack([logits.numpy() * weight, weight]))
        self.tiles.append(tile)

    def add_to(self, tile: Tile, difference: NDArray[np.float32]) -> None:
        """Add a difference (h, w) to the logits of a tile that was added before."""
        weight = self._weight(tile)
        h, w = difference.shape
        stacked = np.zeros((2, *weight.shape), np.float32)
        stacked[0, :h, :w] = difference * weight[:h, :w]
        self._accumulate(tile, stacked)

    def _weight(self, tile: Tile) -> NDArray[np.float32]:
        return _window(2 * self._cell, self.grid.open_sides(tile))

    def _accumulate(self, tile: Tile, stacked: NDArray[np.float32]) -> None:
        """Add (2, S/4, S/4) weighted logits and weights to the cells of a tile."""
        assert tile.address is not None
        for dr in (0, 1):
            for dc in (0, 1):
                key = tile.address.row + dr, tile.address.col + dc
                part = stacked[
                    :,
                    dr * self._cell : (dr + 1) * self._cell,
                    dc * self._cell : (dc + 1) * self._cell,
                ]
                known = self._cells.get(key)
                self._cells[key] = part.copy() if known is None else known + part

    def read(self, rect: Box) -> NDArray[np.float32]:
        """Return the blended logits (r1 - r0, c1 - c0) in a rectangle of the canvas."""
        r0, c0, r1, c1 = rect
        total = np.zeros((2, r1 - r0, c1 - c0), np.float32)
        size = self._cell
        for row in range(r0 // size, -(-r1 // size)):
            for col in range(c0 // size, -(-c1 // size)):
                cell = self._cells.get((row, col))
                if cell is None:
                    continue
                top, left = max(row * size, r0), max(col * size, c0)
                bottom, right = min((row + 1) * size, r1), min((col + 1) * size, c1)
                total[:, top - r0 : bottom - r0, left - c0 : right - c0] = cell[
                    :,
                    top - row * size : bottom - row * size,
                    left - col * size : right - col * size,
                ]
        values, weights = total
        if self.coarser is not None:
            values = values + COARSE_WEIGHT * self._from_coarser(rect)
            return np.asarray(values / (weights + COARSE_WEIGHT))
        known = weights > 0
        return np.where(
            known, values / np.where(known, weights, 1), np.float32(UNKNOWN)
        )

    def _from_coarser(self, rect: Box) -> NDArray[np.float32]:
        """Read the coarser canvas, enlarged twice bilinearly."""
        assert self.coarser is not None
        r0, c0, r1, c1 = rect
        rows, cols = (self.coarser._extent(axis) for axis in (0, 1))
        outer = r0 // 2 - 1, c0 // 2 - 1, -(-r1 // 2) + 1, -(-c1 // 2) + 1
        inner = (
            max(outer[0], 0),
            max(outer[1], 0),
            min(outer[2], rows),
            min(outer[3], cols),
        )
        # beyond the plane its border pixels are repeated, as `F.interpolate` does
        small = np.pad(
            self.coarser.read(inner),
            [
                (inner[0] - outer[0], outer[2] - inner[2]),
                (inner[1] - outer[1], outer[3] - inner[3]),
            ],
            mode="edge",
        )
        large = F.interpolate(
            torch.from_numpy(small)[None, None], scale_factor=2, mode="bilinear"
        )[0, 0].numpy()
        top, left = r0 - 2 * outer[0], c0 - 2 * outer[1]
        return np.asarray(large[top : top + r1 - r0, left : left + c1 - c0])

    def stability(self, offset: float = 1.0) -> float:
        """Return the stability score of SAM; 0 if there is no mask.

        IoU of the masks at logits above `offset` and above -`offset`, over the tiles
        of this level only (reference file ``utils/amg.py``).
        """
        if not self._cells and self.coarser is not None:
            return self.coarser.stability(offset)
        inner = outer = 0
        size = self._cell
        rows, cols = (-(-side // 4) for side in self.grid.level_shape(self.level))
        for row, col in self._cells:
            top, left = row * size, col * size
            if top >= rows or left >= cols:  # padding
                continue
            values = self.read(
                (top, left, min(top + size, rows), min(left + size, cols))
            )
            inner += int(np.count_nonzero(values > offset))
            outer += int(np.count_nonzero(values > -offset))
        return inner / outer if outer else 0.0

    def bounds(self) -> Box:
        """Return a rectangle of the canvas that holds all logits above 0."""
        whole = EMPTY
        if self.coarser is not None:
            r0, c0, r1, c1 = (2 * v for v in self.coarser.bounds())
            whole = (r0 - 2, c0 - 2, r1 + 2, c1 + 2) if r1 > r0 else EMPTY
        for tile in self.tiles:
            rect = self.rect(tile)
            whole = around(whole, tight_box(self.read(rect) > 0, rect[:2]))
        return whole

    def render(self) -> tuple[tuple[int, int], NDArray[np.bool_]]:
        """Upsample the logits bilinearly and threshold them at 0.

        Computed band by band, so that no float array of the mask's size is made.

        Returns
        -------
        offset : (y, x)
            Plane position of the first pixel.
        mask : ndarray
            (h, w) bool, the object with at most one canvas pixel around it.

        Raises
        ------
        ImageError
            The object spans more than `MAX_CROP` pixels.
        """
        h, w = self.grid.plane_shape
        r0, c0, r1, c1 = self.bounds()
        # one canvas pixel more: the upsampled object may reach into it
        y0, y1 = (int(np.clip(v * self.pitch, 0, h)) for v in (r0 - 1, r1 + 1))
        x0, x1 = (int(np.clip(v * self.pitch, 0, w)) for v in (c0 - 1, c1 + 1))
        if r1 <= r0:
            return (0, 0), np.zeros((0, 0), bool)
        if (y1 - y0) * (x1 - x0) > MAX_CROP:
            raise ImageError(
                f"the object spans {y1 - y0} x {x1 - x0} pixels, and a mask holds at "
                f"most {MAX_CROP}: prompt its parts, or segment a smaller copy of the "
                "image"
            )
        mask = np.empty((y1 - y0, x1 - x0), bool)
        band = max(1, _BAND // max(1, x1 - x0))
        for top in range(y0, y1, band):
            bottom = min(top + band, y1)
            mask[top - y0 : bottom - y0] = self._upsampled(top, x0, bottom, x1) > 0
        return (y0, x0), mask

    def _upsampled(self, y0: int, x0: int, y1: int, x1: int) -> NDArray[np.float32]:
        """Interpolate the logits bilinearly at the plane pixels of a box."""
        top, ys = self._samples(y0, y1, 0)
        left, xs = self._samples(x0, x1, 1)
        rect = top, left, int(ys.max()) + 2 + top, int(xs.max()) + 2 + left
        small = self.read(rect)
        i, j = ys.astype(np.intp), xs.astype(np.intp)
        fy = (ys - i).astype(np.float32)[:, None]
        fx = (xs - j).astype(np.float32)
        rows = small[:, j] * (1 - fx) + small[:, j + 1] * fx
        return np.asarray(rows[i] * (1 - fy) + rows[i + 1] * fy)

    def _samples(
        self, start: int, stop: int, axis: int
    ) -> tuple[int, NDArray[np.float64]]:
        """Return the first canvas pixel, and plane pixel centres relative to it."""
        at = (np.arange(start, stop) + 0.5) / self.pitch - 0.5
        # as torch does, repeat the first and the last pixel
        last = max(self._extent(axis) - 1, 0)
        at = np.clip(at, 0, last)
        first = int(at[0])
        return first, at - first

    def _extent(self, axis: int) -> int:
        """Return the canvas's size along an axis, the padding of tiles included."""
        return (self.grid.shape(self.level)[axis] + 1) * self._cell


@lru_cache(maxsize=64)
def _window(
    side: int, open_sides: tuple[bool, bool, bool, bool]
) -> NDArray[np.float32]:
    """Return the weights (side, side) of a tile: Hann ramps at its open sides."""
    ramp = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(side) + 0.5) / side)
    top, left, bottom, right = open_sides

    def along(first: bool, last: bool) -> NDArray[np.float64]:
        line = ramp.copy()
        if not first:
            line[: side // 2] = 1
        if not last:
            line[side // 2 :] = 1
        return line

    window = (along(top, bottom)[:, None] * along(left, right)).astype(np.float32)
    window.flags.writeable = False
    return window
