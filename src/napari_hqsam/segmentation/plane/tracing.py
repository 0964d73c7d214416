"""Trace an object from tile to tile, at one level.

Where the object leaves a tile, the neighbour is prompted with points from the overlap,
and so on breadth first until no open exit is left (region growing over tiles).

Each tile's own mask decides what is known of the object in an overlap, not the blended
canvas: a tile suppresses branches that it was not prompted for, so a low logit there
is no evidence against them. Such a tile is decoded again with points on the missing
branch, and the object on it is the union of its masks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy import ndimage

from napari_hqsam.masks.algebra import tight_box
from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.plane.components import (
    EIGHT_CONNECTED,
    component_at,
    components_touching,
    covered_fraction,
    depth,
    exits,
    large_components,
)
from napari_hqsam.tiling import Address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_hqsam.geometry import Box
    from napari_hqsam.network import Output
    from napari_hqsam.segmentation.plane.decoding import PlaneDecoder
    from napari_hqsam.segmentation.plane.logit_canvas import LogitCanvas
    from napari_hqsam.tiling import Tile

    Window = tuple[slice, slice]

MAX_TILES = 256
"""Most tiles of one level that an object is traced through, or refined on."""
MAX_DECODINGS = 4
"""Most times that one tile is decoded for one object."""
AGREEMENT = 0.5
"""IoU, or covered fraction, below which two masks show different objects."""
TOLERANCE = 2
"""Canvas pixels by which the outlines of two tiles may differ."""
THIN = 4
"""Canvas pixels: what a coarser level has lost is nowhere deeper than this."""


@dataclass(frozen=True, eq=False)
class TilePrompter:
    """Prompts tiles for one object, with points on the parts of it that are known.

    Parameters
    ----------
    decoder : PlaneDecoder
        Decodes the prompts.
    prompt : Prompt
        The user's prompt, plane coordinates.
    output : {"sam+hq", "sam", "hq"}
        Which mask.
    """

    decoder: PlaneDecoder
    prompt: Prompt
    output: Output

    def decode(
        self,
        canvas: LogitCanvas,
        tile: Tile,
        parts: Sequence[NDArray[np.bool_]],
        coarse: NDArray[np.float32] | None = None,
    ) -> Tensor:
        """Prompt a tile; return its logits, (S/4, S/4).

        Parameters
        ----------
        canvas : LogitCanvas
            Gives the canvas position of the tile; not read.
        tile : Tile
            A tile of the canvas's level.
        parts : sequence of ndarray
            (h, w) bool on the tile, at least one: each gets a positive point.
        coarse : ndarray, optional
            (h, w) logits of the coarser level: used as mask prompt, with a box
            around what is above 0.
        """
        rect, pitch = canvas.rect(tile), canvas.pitch
        prompt = self._points_in(parts, rect, pitch, tile)
        if coarse is not None:
            box = np.array(tight_box(coarse > 0, rect[:2])) * pitch - 0.5
            prompt = Prompt(prompt.points, prompt.point_labels, box=box)
        (prediction,) = self.decoder.decode(
            [prompt],
            tile,
            hq=self.output != "sam",
            masks=None if coarse is None else [coarse],
        )
        return prediction.logits(self.output)

    def _points_in(
        self,
        parts: Sequence[NDArray[np.bool_]],
        rect: Box,
        pitch: float,
        tile: Tile,
    ) -> Prompt:
        """Place a point deepest in each part, and add the user's own on the tile."""
        inner = []
        for part in parts:
            r, c = np.unravel_index(int(depth(part).argmax()), part.shape)
            inner.append(
                (
                    (rect[0] + r + 0.5) * pitch - 0.5,
                    (rect[1] + c + 0.5) * pitch - 0.5,
                )
            )
        signs = zip(self.prompt.points, self.prompt.point_labels, strict=True)
        own = {p: sign for p, sign in signs if p not in inner and tile.holds(p)}
        return Prompt([*inner, *own], [*[1] * len(inner), *own.values()])


class Exit(NamedTuple):
    """A place where an object leaves a tile; (row, col) on the canvas."""

    tile: Tile
    row: float
    col: float


@dataclass(eq=False)
class TracedTile:
    """The logits of one tile and the part of the object on it.

    Attributes
    ----------
    tile : Tile
        Which tile.
    part : ndarray
        (h, w) bool: the object on it, the union over its decodings.
    logits : ndarray
        (h, w) float32, as blended into the canvas: raised above the tile's own where
        a neighbour shows a branch that this tile was not prompted for.
    decodings : int
        How often the tile was decoded.
    """

    tile: Tile
    part: NDArray[np.bool_]
    logits: NDArray[np.float32]
    decodings: int = 1


class TileTracer:
    """Traces one object over the tiles of one level.

    Parameters
    ----------
    prompter : TilePrompter
        Prompts other tiles for the object.
    canvas : LogitCanvas
        Logits are blended into it. If it has a coarser one, only what that one lacks
        is traced: thin structures.
    """

    def __init__(self, prompter: TilePrompter, canvas: LogitCanvas) -> None:
        self.prompter, self.canvas = prompter, canvas
        self._traced: dict[Address, TracedTile] = {}

    def add(self, tile: Tile, logits: Tensor, part: NDArray[np.bool_]) -> None:
        """Add a decoding of a tile: logits (S/4, S/4), the object (h, w) bool.

        Where this tile shows the object and an overlapping tile was not prompted for
        it, the logits of the latter are raised to those of this one.
        """
        assert tile.address is not None
        h, w = part.shape
        traced = self._traced.get(tile.address)
        if traced is None:
            self.canvas.add(tile, logits)
            traced = TracedTile(tile, part, logits[:h, :w].numpy())
            self._traced[tile.address] = traced
        else:
            traced.part = traced.part | part
            traced.decodings += 1
            self._raise(traced, logits[:h, :w].numpy())
        for other in self._overlapping(tile):
            here, there = self._overlap(tile, other.tile)
            missed = separate_components(part[here], other.part[there])
            if missed.any():
                raised = other.logits.copy()
                raised[there][missed] = traced.logits[here][missed]
                self._raise(other, raised)

    def _raise(self, traced: TracedTile, logits: NDArray[np.float32]) -> None:
        """Raise the logits of a tile to at least the given ones."""
        raised = np.maximum(traced.logits, logits)
        self.canvas.add_to(traced.tile, raised - traced.logits)
        traced.logits = raised

    def _overlapping(self, tile: Tile) -> Iterator[TracedTile]:
        """Yield the traced tiles that overlap a tile, without the tile itself."""
        assert tile.address is not None
        level, row, col = tile.address
        for down, right in product((-1, 0, 1), repeat=2):
            traced = self._traced.get(Address(level, row + down, col + right))
            if traced is not None and (down or right):
                yield traced

    def _overlap(self, one: Tile, other: Tile) -> tuple[Window, Window]:
        """Return the overlap of two tiles as an index into the (h, w) of each."""
        a, b = self.canvas.rect(one), self.canvas.rect(other)
        r0, c0, r1, c1 = (*map(max, a[:2], b[:2]), *map(min, a[2:], b[2:]))
        here, there = (
            (slice(r0 - r[0], r1 - r[0]), slice(c0 - r[1], c1 - r[1])) for r in (a, b)
        )
        return here, there

    def exits(self, tile: Tile, part: NDArray[np.bool_]) -> list[Exit]:
        """Return where a part (h, w) of the object leaves its tile."""
        r0, c0, _, _ = self.canvas.rect(tile)
        sides = self.canvas.grid.open_sides(tile)
        return [Exit(tile, r0 + r, c0 + c) for r, c in exits(part, sides)]

    def trace(self, start: Iterable[Exit]) -> bool:
        """Add tiles, breadth first, until the object leaves none of them.

        Returns
        -------
        bool
            False if `MAX_TILES` or `MAX_DECODINGS` ended it, or a neighbour does not
            show the object.
        """
        queue, complete = deque(start), True
        while queue:
            leaving = queue.popleft()
            tile = self._neighbour(leaving)
            missing = self._missing_part(leaving, tile)
            if missing is None:
                continue
            for other in queue:  # one decoding for all exits to the same tile
                more = self._missing_part(other, tile)
                missing = missing if more is None else missing | more
            part = self._decode_part(tile, missing)
            if part is None:
                complete = False
            else:
                queue.extend(self.exits(tile, part))
        return complete

    def _neighbour(self, leaving: Exit) -> Tile:
        """Return the tile whose centre is nearest to an exit."""
        pitch = self.canvas.pitch
        point = leaving.row * pitch - 0.5, leaving.col * pitch - 0.5
        return self.canvas.grid.nearest(self.canvas.level, point)

    def _missing_part(self, leaving: Exit, tile: Tile) -> NDArray[np.bool_] | None:
        """Find what a tile lacks of the object that leaves its neighbour.

        Returns
        -------
        ndarray or None
            (h, w) bool on the tile: what the neighbour shows in the overlap, connected
            to the exit. None if the tile, or the coarser level, has it already, or
            if the exit does not lie on the tile.
        """
        assert leaving.tile.address is not None
        assert tile.address is not None
        left, rect = self.canvas.rect(leaving.tile), self.canvas.rect(tile)
        row = min(int(leaving.row), left[2] - 1)
        col = min(int(leaving.col), left[3] - 1)
        r, c = row - rect[0], col - rect[1]
        known = np.zeros(tile.decoded_shape, bool)
        if not (0 <= r < known.shape[0] and 0 <= c < known.shape[1]):
            return None
        if self._is_known_coarsely(row, col):
            return None
        here, there = self._overlap(leaving.tile, tile)
        known[there] = self._traced[leaving.tile.address].part[here]
        traced = self._traced.get(tile.address)
        if traced is not None:
            if near(traced.part, r, c).any():
                return None
            known &= ~traced.part
        return component_at(known, r, c)

    def _is_known_coarsely(self, row: int, col: int) -> bool:
        """Whether the coarser level has the object near a canvas pixel."""
        coarser = self.canvas.coarser
        if coarser is None:
            return False
        r, c = row // 2, col // 2
        around = r - TOLERANCE, c - TOLERANCE, r + TOLERANCE + 1, c + TOLERANCE + 1
        return bool((coarser.read(around) > 0).any())

    def _decode_part(
        self, tile: Tile, missing: NDArray[np.bool_]
    ) -> NDArray[np.bool_] | None:
        """Prompt a tile for the part (h, w) that it lacks, and add what it shows.

        Returns that part of the object, (h, w) bool; None if a limit is reached, or
        the tile's mask does not agree.
        """
        assert tile.address is not None
        traced = self._traced.get(tile.address)
        if traced is None:
            if len(self._traced) >= MAX_TILES:
                return None
        elif traced.decodings >= MAX_DECODINGS:
            return None
        h, w = missing.shape
        logits = self.prompter.decode(self.canvas, tile, large_components(missing))
        mask = logits[:h, :w].numpy() > 0
        before = self.canvas.read(self.canvas.rect(tile))
        sure = traced is None and self.canvas.coarser is None
        if not sure and covered_fraction(mask, missing) < AGREEMENT:
            return None
        if self.canvas.coarser is not None and not is_thin(mask & (before <= 0)):
            return None
        part = components_touching(mask, missing)
        # a low logit where the tile was not prompted is no evidence
        other = separate_components(before > 0, mask | missing)
        self.add(tile, restore_where(other, before, logits), part)
        return part


def near(mask: NDArray[np.bool_], row: int, col: int) -> NDArray[np.bool_]:
    """Return the pixels of a mask within `TOLERANCE` of one of them, as a window."""
    first = max(row - TOLERANCE, 0), max(col - TOLERANCE, 0)
    return mask[first[0] : row + TOLERANCE + 1, first[1] : col + TOLERANCE + 1]


def separate_components(
    mask: NDArray[np.bool_], other: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Keep the connected components of a mask beyond `TOLERANCE` of another mask."""
    if not (mask & ~other).any():
        return np.zeros_like(mask)
    around = ndimage.binary_dilation(other, EIGHT_CONNECTED, iterations=TOLERANCE)
    return np.asarray(mask & ~components_touching(mask, around))


def restore_where(
    where: NDArray[np.bool_], before: NDArray[np.float32], logits: Tensor
) -> Tensor:
    """Return logits (S/4, S/4) of a tile with earlier ones (h, w) in some places."""
    if not where.any():
        return logits
    h, w = where.shape
    logits = logits.clone()
    logits[:h, :w][torch.from_numpy(where)] = torch.from_numpy(before[where])
    return logits


def is_thin(mask: NDArray[np.bool_]) -> bool:
    """Whether a mask is so thin that a coarser level may have lost it."""
    return bool(depth(mask).max() <= THIN)
