"""From tile to tile: where an object leaves one, the next is asked for it.

All at one level. What is known of the object on the next tile is what the tile
that it leaves says by itself, not the blended field: where a tile was asked for
one arm of an object it denies the other, though nobody had asked it for that.
Such a tile is asked again, and the object is what it says in any of its answers.
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
from napari_hqsam.segmentation.plane.parts import (
    EIGHT,
    covers,
    depth,
    exits,
    part_at,
    sizeable,
    touching,
)
from napari_hqsam.tiling import Address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_hqsam.geometry import Box
    from napari_hqsam.network import Output
    from napari_hqsam.segmentation.plane.decoding import PlaneDecoder
    from napari_hqsam.segmentation.plane.field import Field
    from napari_hqsam.tiling import Tile

    Window = tuple[slice, slice]

MAX_TILES = 256
"""Tiles an object may be followed through, and asked again on, per level."""
MAX_LOOKS = 4
"""Times that one tile may be asked for parts of one object."""
AGREEMENT = 0.5
"""Share below which two looks at the same place do not mean the same object."""
SLACK = 2
"""Canvas pixels within which two looks may differ about an outline."""
THIN = 4
"""Canvas pixels: what a coarser look lost is at no place deeper."""


@dataclass(frozen=True, eq=False)
class Question:
    """What every tile is asked: the user's object, given what is known of it there.

    Parameters
    ----------
    decoder : PlaneDecoder
        Asked for every tile.
    prompt : Prompt
        What the user gave, plane coordinates.
    output : {"sam+hq", "sam", "hq"}
        Which mask.
    """

    decoder: PlaneDecoder
    prompt: Prompt
    output: Output

    def ask(
        self,
        field: Field,
        tile: Tile,
        parts: Sequence[NDArray[np.bool_]],
        before: NDArray[np.float32] | None = None,
    ) -> Tensor:
        """Logits (S/4, S/4) of a tile.

        Parameters
        ----------
        field : Field
            For its geometry.
        tile : Tile
            Of the field's level.
        parts : sequence of ndarray
            (h, w) bool of the tile, at least one: a point is set into each.
        before : ndarray, optional
            (h, w) coarse logits: a mask prompt, and a box around it.
        """
        rect, pitch = field.rect(tile), field.pitch
        prompt = self._points_in(parts, rect, pitch, tile)
        if before is not None:
            box = np.array(tight_box(before > 0, rect[:2])) * pitch - 0.5
            prompt = Prompt(prompt.points, prompt.point_labels, box=box)
        (answer,) = self.decoder.decode(
            [prompt],
            tile,
            hq=self.output != "sam",
            masks=None if before is None else [before],
        )
        return answer.logits(self.output)

    def _points_in(
        self,
        parts: Sequence[NDArray[np.bool_]],
        rect: Box,
        pitch: float,
        tile: Tile,
    ) -> Prompt:
        """Deepest point of each part; the user's own on the tile come along."""
        inner = []
        for part in parts:
            r, c = np.unravel_index(int(depth(part).argmax()), part.shape)
            inner.append(
                (
                    (rect[0] + r + 0.5) * pitch - 0.5,
                    (rect[1] + c + 0.5) * pitch - 0.5,
                )
            )
        said = zip(self.prompt.points, self.prompt.point_labels, strict=True)
        own = {p: on for p, on in said if p not in inner and tile.holds(p)}
        return Prompt([*inner, *own], [*[1] * len(inner), *own.values()])


class Exit(NamedTuple):
    """Where an object leaves a tile; (row, col) on the canvas."""

    tile: Tile
    row: float
    col: float


@dataclass(eq=False)
class Look:
    """What is taken from the answers of one tile.

    Attributes
    ----------
    tile : Tile
        Which.
    part : ndarray
        (h, w) bool: the object, by what the tile itself says.
    logits : ndarray
        (h, w) float32, as blended into the field: higher than the tile's own where
        it denies what it was not asked for.
    times : int
        How often it was asked.
    """

    tile: Tile
    part: NDArray[np.bool_]
    logits: NDArray[np.float32]
    times: int = 1


class Trail:
    """The tiles of one level that an object was looked at on.

    Parameters
    ----------
    question : Question
        For the object.
    field : Field
        The answers are blended into it. If it has a coarser one, that one knows
        the object but for what is thin, and only that is followed.
    """

    def __init__(self, question: Question, field: Field) -> None:
        self.question, self.field = question, field
        self._looks: dict[Address, Look] = {}

    def add(self, tile: Tile, logits: Tensor, part: NDArray[np.bool_]) -> None:
        """Take in what a tile says: (S/4, S/4) logits, (h, w) part of the object.

        Where one tile says so and another was not asked, it is the object.
        """
        assert tile.address is not None
        h, w = part.shape
        look = self._looks.get(tile.address)
        if look is None:
            self.field.add(tile, logits)
            look = Look(tile, part, logits[:h, :w].numpy())
            self._looks[tile.address] = look
        else:
            look.part = look.part | part
            look.times += 1
            self._raise(look, logits[:h, :w].numpy())
        for other in self._overlapping(tile):
            here, there = self._shared(tile, other.tile)
            missed = apart(part[here], other.part[there])
            if missed.any():
                raised = other.logits.copy()
                raised[there][missed] = look.logits[here][missed]
                self._raise(other, raised)

    def _raise(self, look: Look, logits: NDArray[np.float32]) -> None:
        """Let the logits of a tile be at least these."""
        raised = np.maximum(look.logits, logits)
        self.field.change(look.tile, raised - look.logits)
        look.logits = raised

    def _overlapping(self, tile: Tile) -> Iterator[Look]:
        """Other tiles that were looked at."""
        assert tile.address is not None
        level, row, col = tile.address
        for down, right in product((-1, 0, 1), repeat=2):
            look = self._looks.get(Address(level, row + down, col + right))
            if look is not None and (down or right):
                yield look

    def _shared(self, one: Tile, other: Tile) -> tuple[Window, Window]:
        """Cut what two tiles share out of the (h, w) of each."""
        a, b = self.field.rect(one), self.field.rect(other)
        r0, c0, r1, c1 = (*map(max, a[:2], b[:2]), *map(min, a[2:], b[2:]))
        here, there = (
            (slice(r0 - r[0], r1 - r[0]), slice(c0 - r[1], c1 - r[1])) for r in (a, b)
        )
        return here, there

    def exits(self, tile: Tile, part: NDArray[np.bool_]) -> list[Exit]:
        """Where a part (h, w) of the object on a tile leaves it."""
        r0, c0, _, _ = self.field.rect(tile)
        sides = self.field.grid.open_sides(tile)
        return [Exit(tile, r0 + r, c0 + c) for r, c in exits(part, sides)]

    def follow(self, ways: Iterable[Exit]) -> bool:
        """Add tiles wherever the object leaves those there are.

        Returns whether it came to its end within the bounds.
        """
        queue, complete = deque(ways), True
        while queue:
            way = queue.popleft()
            tile = self._beyond(way)
            known = self._untold(way, tile)
            if known is None:
                continue
            for other in queue:
                more = self._untold(other, tile)
                known = known if more is None else known | more
            part = self._ask(tile, known)
            if part is None:
                complete = False
            else:
                queue.extend(self.exits(tile, part))
        return complete

    def _beyond(self, way: Exit) -> Tile:
        """Tile that an exit lies in the midst of."""
        pitch = self.field.pitch
        point = way.row * pitch - 0.5, way.col * pitch - 0.5
        return self.field.grid.nearest(self.field.level, point)

    def _untold(self, way: Exit, tile: Tile) -> NDArray[np.bool_] | None:
        """Find what the tile that is left knows of the object, and another does not.

        (h, w) bool of the other tile: the part of it that is connected to the exit.
        None if the other tile knows of the object there, or if a coarser look does,
        or if the exit does not lie on it.
        """
        assert way.tile.address is not None
        assert tile.address is not None
        left, rect = self.field.rect(way.tile), self.field.rect(tile)
        row, col = min(int(way.row), left[2] - 1), min(int(way.col), left[3] - 1)
        r, c = row - rect[0], col - rect[1]
        known = np.zeros(tile.decoded_shape, bool)
        if not (0 <= r < known.shape[0] and 0 <= c < known.shape[1]):
            return None
        if self._is_known_coarsely(row, col):
            return None
        here, there = self._shared(way.tile, tile)
        known[there] = self._looks[way.tile.address].part[here]
        look = self._looks.get(tile.address)
        if look is not None:
            if near(look.part, r, c).any():
                return None
            known &= ~look.part
        return part_at(known, r, c)

    def _is_known_coarsely(self, row: int, col: int) -> bool:
        coarser = self.field.coarser
        if coarser is None:
            return False
        r, c = row // 2, col // 2
        around = r - SLACK, c - SLACK, r + SLACK + 1, c + SLACK + 1
        return bool((coarser.read(around) > 0).any())

    def _ask(self, tile: Tile, known: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Ask a tile for a part it knows nothing of.

        Returns the part (h, w) that it shows; None if it may not be asked, or does
        not agree.
        """
        assert tile.address is not None
        look = self._looks.get(tile.address)
        if len(self._looks) >= MAX_TILES if look is None else look.times >= MAX_LOOKS:
            return None
        h, w = known.shape
        logits = self.question.ask(self.field, tile, sizeable(known))
        mask = logits[:h, :w].numpy() > 0
        before = self.field.read(self.field.rect(tile))
        sure = look is None and self.field.coarser is None
        if not sure and covers(mask, known) < AGREEMENT:
            return None
        if self.field.coarser is not None and not is_thin(mask & (before <= 0)):
            return None
        part = touching(mask, known)
        # what it was not asked for, it cannot deny
        logits = kept_where(apart(before > 0, mask | known), before, logits)
        self.add(tile, logits, part)
        return part


def near(mask: NDArray[np.bool_], row: int, col: int) -> NDArray[np.bool_]:
    """Cut out the pixels of a mask around one of them."""
    first = max(row - SLACK, 0), max(col - SLACK, 0)
    return mask[first[0] : row + SLACK + 1, first[1] : col + SLACK + 1]


def apart(mask: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the parts of a mask that come nowhere near another one."""
    if not (mask & ~other).any():
        return np.zeros_like(mask)
    around = ndimage.binary_dilation(other, EIGHT, iterations=SLACK)
    return np.asarray(mask & ~touching(mask, around))


def kept_where(
    kept: NDArray[np.bool_], before: NDArray[np.float32], logits: Tensor
) -> Tensor:
    """Keep earlier logits (h, w) in some places of those of a tile (S/4, S/4)."""
    if not kept.any():
        return logits
    h, w = kept.shape
    logits = logits.clone()
    logits[:h, :w][torch.from_numpy(kept)] = torch.from_numpy(before[kept])
    return logits


def is_thin(mask: NDArray[np.bool_]) -> bool:
    """Whether a coarser look may have lost what a mask shows."""
    return bool(depth(mask).max() <= THIN)
