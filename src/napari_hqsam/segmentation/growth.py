"""From an answer that its tile may cut to one whole object.

While the mask runs into a side of its tile where the plane goes on, the field
grows: first upwards, to coarser levels, where one tile covers four times as
much; then back down, where the finer tiles along the boundary are asked again
with the coarse mask as prompt. An object that coarser levels lose, since it is
long and thin, is followed from tile to tile instead. Both are bounded, and a
bound that is hit is told.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_hqsam.prompts import Prompt
from napari_hqsam.segmentation.field import Field, Rect
from napari_hqsam.segmentation.parts import EIGHT, pointed_at, runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_hqsam.network import Output
    from napari_hqsam.segmentation.decoding import Answer, PlaneDecoder
    from napari_hqsam.tiling import Tile

MAX_TILES = 256
"""Tiles an object may be followed through, and asked again on, per level."""
AGREEMENT = 0.5
"""IoU below which two looks at the same place do not mean the same object."""
REACH = 1
"""Canvas pixels from a tile's side within which a mask runs into it."""


@dataclass(frozen=True, eq=False)
class Grown:
    """A whole object.

    Attributes
    ----------
    field : Field
        Its logits.
    complete : bool
        False if a bound was hit before the object ended.
    tiles : int
        How many tiles were looked at.
    refined : bool
        False if the boundary runs through too many tiles to be looked at again
        down to the level of the first answer.
    """

    field: Field
    complete: bool
    tiles: int
    refined: bool = True


@dataclass(frozen=True, eq=False)
class Growth:
    """Lets one object grow.

    Parameters
    ----------
    decoder : PlaneDecoder
        Asked for every further tile.
    prompt : Prompt
        What the user gave, plane coordinates.
    output : {"sam+hq", "sam", "hq"}
        Which mask.
    which : int
        0 for SAM's single mask, 1 to 3 for a candidate.
    """

    decoder: PlaneDecoder
    prompt: Prompt
    output: Output
    which: int = 0

    def run(self, first: Answer) -> Grown:
        """Grow from an answer on a tile of the grid until the object is closed."""
        field = self._field(first)
        if not self._is_cut(field, first.tile):
            return Grown(field, complete=True, tiles=1)
        upwards = self._ascend(field, first.tile)
        asked = len(upwards)
        coarse, tile = upwards[-1]
        complete = refined = True
        if self._is_cut(coarse, tile):
            complete = self._follow(coarse, tile)
            asked += len(coarse.tiles) - 1
        for level in range(coarse.level - 1, field.level - 1, -1):
            finer = self._refined(coarse, level)
            if finer is None:
                refined = False
                break
            asked += len(finer.tiles)
            coarse = finer
        return Grown(coarse, complete, asked, refined)

    def _field(self, answer: Answer) -> Field:
        logits = answer.logits(self.output, self.which)
        return Field.of(self.decoder.grid, answer.tile, logits)

    # --- is it whole? -----------------------------------------------------

    def _is_cut(self, field: Field, tile: Tile) -> bool:
        """Whether the object runs into a side of its only tile."""
        rect = field.rect(tile)
        part = self._object(field.read(rect) > 0, rect, field.pitch)
        return bool(self._exits(part, rect, tile))

    def _object(
        self, mask: NDArray[np.bool_], rect: Rect, pitch: float
    ) -> NDArray[np.bool_]:
        return pointed_at(mask, self.prompt, rect[:2], pitch)

    def _exits(
        self, part: NDArray[np.bool_], rect: Rect, tile: Tile
    ) -> list[tuple[float, float]]:
        """Where an object leaves its tile: (r, c) on the canvas, one a crossing."""
        r0, c0, r1, c1 = rect
        is_open = self.decoder.grid.open_sides(tile)
        lines = part[:REACH], part[:, :REACH], part[-REACH:], part[:, -REACH:]
        exits: list[tuple[float, float]] = []
        for side, (goes_on, strip) in enumerate(zip(is_open, lines, strict=True)):
            if not goes_on:
                continue
            for a, b in runs(np.asarray(strip.any(side % 2))):
                along = (a + b) / 2
                exits.append(
                    (r0 if side == 0 else r1, c0 + along)
                    if side % 2 == 0
                    else (r0 + along, c0 if side == 1 else c1)
                )
        return exits

    # --- upwards ----------------------------------------------------------

    def _ascend(self, field: Field, tile: Tile) -> list[tuple[Field, Tile]]:
        """Fields of one tile each, level by level, until the object is whole.

        Ends early where the coarser look is not of the same object, or would mean
        to read too much.
        """
        grid = self.decoder.grid
        found = [(field, tile)]
        while field.level < grid.coarsest and self._is_cut(field, tile):
            y0, x0, y1, x1 = tile.region
            above = grid.nearest(
                field.level + 1, ((y0 + y1 - 1) / 2, (x0 + x1 - 1) / 2)
            )
            if not self.decoder.affordable(above):
                break
            (answer,) = self.decoder.decode(
                [self.prompt], above, hq=self.output != "sam"
            )
            coarser = self._field(answer)
            if not self._agree(coarser, field, tile):
                break
            field, tile = coarser, above
            found.append((field, tile))
        return found

    def _agree(self, coarser: Field, field: Field, tile: Tile) -> bool:
        """Whether two levels show the same object within the finer one's tile."""
        rect = field.rect(tile)
        fine = self._object(field.read(rect) > 0, rect, field.pitch)
        view = seen_finer(coarser, rect) > 0
        return iou(fine, self._object(view, rect, field.pitch)) >= AGREEMENT

    # --- from tile to tile ------------------------------------------------

    def _follow(self, field: Field, tile: Tile) -> bool:
        """Add tiles wherever the object leaves those there are.

        Returns whether it came to its end within the bound.
        """
        rect = field.rect(tile)
        part = self._object(field.read(rect) > 0, rect, field.pitch)
        known = {tile.address}
        exits = deque(self._exits(part, rect, tile))
        while exits:
            r, c = exits.popleft()
            point = r * field.pitch - 0.5, c * field.pitch - 0.5
            beyond = self.decoder.grid.nearest(field.level, point)
            if beyond.address in known:
                continue
            if len(known) >= MAX_TILES:
                return False
            known.add(beyond.address)
            r0, c0, r1, c1 = field.rect(beyond)
            entries = [e for e in exits if r0 <= e[0] <= r1 and c0 <= e[1] <= c1]
            exits.extend(self._step(field, beyond, [(r, c), *entries]))
        return True

    def _step(
        self, field: Field, tile: Tile, entries: Sequence[tuple[float, float]]
    ) -> list[tuple[float, float]]:
        """Ask a further tile for the object; return where it goes on from there.

        What is known of it there are the parts of the mask at the entries; other
        parts may be something else.
        """
        rect = field.rect(tile)
        mask = field.read(rect) > 0
        parts, _ = ndimage.label(mask, EIGHT)
        met: set[int] = set()
        for r, c in entries:
            i, j = int(r) - rect[0], int(c) - rect[1]
            near = parts[max(i - 1, 0) : i + 1, max(j - 1, 0) : j + 1]
            met.update(np.unique(near).tolist())
        met.discard(0)
        before = np.isin(parts, sorted(met)) if met else mask
        prompt = self._points_on(before, rect, field.pitch, tile)
        if prompt is None:
            return []
        (answer,) = self.decoder.decode([prompt], tile, hq=self.output != "sam")
        field.add(tile, answer.logits(self.output))
        labels, _ = ndimage.label(field.read(rect) > 0, EIGHT)
        same = np.unique(labels[before])
        part = np.isin(labels, same[same > 0])
        return self._exits(part, rect, tile)

    def _points_on(
        self, known: NDArray[np.bool_], rect: Rect, pitch: float, tile: Tile
    ) -> Prompt | None:
        """Prompt for the part of an object that is known: its deepest point.

        The user's own points on the tile come along.
        """
        if not known.any():
            return None
        depth = ndimage.distance_transform_edt(np.pad(known, 1))[1:-1, 1:-1]
        r, c = np.unravel_index(int(depth.argmax()), depth.shape)
        deepest = (
            (rect[0] + r + 0.5) * pitch - 0.5,
            (rect[1] + c + 0.5) * pitch - 0.5,
        )
        said = zip(self.prompt.points, self.prompt.point_labels, strict=True)
        own = {p: on for p, on in said if p != deepest and tile.holds(p)}
        return Prompt([deepest, *own], [1, *own.values()])

    # --- downwards --------------------------------------------------------

    def _refined(self, coarse: Field, level: int) -> Field | None:
        """Ask the finer tiles along the boundary again; None if they are too many."""
        field = Field(self.decoder.grid, level, coarse)
        tiles = boundary_tiles(coarse, field)
        if len(tiles) > MAX_TILES:
            return None
        for tile in tiles:
            rect = field.rect(tile)
            before = seen_finer(coarse, rect)
            prompt = self._box_on(before > 0, rect, field.pitch, tile)
            if prompt is None:
                continue
            (answer,) = self.decoder.decode(
                [prompt], tile, hq=self.output != "sam", masks=[before]
            )
            logits = answer.logits(self.output)
            h, w = before.shape
            if iou(logits[:h, :w].numpy() > 0, before > 0) >= AGREEMENT:
                field.add(tile, logits)
        return field

    def _box_on(
        self, on: NDArray[np.bool_], rect: Rect, pitch: float, tile: Tile
    ) -> Prompt | None:
        """Prompt for the part of a mask on a tile: its box and its deepest point."""
        prompt = self._points_on(on, rect, pitch, tile)
        if prompt is None:
            return None
        rows, cols = np.flatnonzero(on.any(1)), np.flatnonzero(on.any(0))
        edges = np.array([rows[0], cols[0], rows[-1] + 1, cols[-1] + 1])
        box = (edges + (rect[:2] * 2)) * pitch - 0.5
        return Prompt(prompt.points, prompt.point_labels, box=box)


def boundary_tiles(coarse: Field, field: Field) -> Sequence[Tile]:
    """Tiles of the finer field nearest to the boundary of the coarser mask.

    In the order of the grid, each once.
    """
    r0, c0, r1, c1 = coarse.bounds()
    if r1 <= r0:
        return []
    mask = coarse.read((r0 - 1, c0 - 1, r1 + 1, c1 + 1)) > 0
    inner = ndimage.binary_erosion(mask, border_value=1)
    rows, cols = np.nonzero(mask & ~inner)
    grid = field.grid
    h, w = grid.plane_shape
    points = {
        (
            min((r + r0 - 0.5) * coarse.pitch // step * step + step / 2, h - 1),
            min((c + c0 - 0.5) * coarse.pitch // step * step + step / 2, w - 1),
        )
        for step in [grid.stride * 2.0**field.level / 4]
        for r, c in zip(rows.tolist(), cols.tolist(), strict=True)
    }
    tiles = {grid.nearest(field.level, p) for p in points}
    return sorted(tiles, key=lambda t: t.address or (0, 0, 0))


def seen_finer(field: Field, rect: Rect) -> NDArray[np.float32]:
    """Logits of a field in a rectangle of the canvas one level finer."""
    return Field(field.grid, field.level - 1, field).read(rect)


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Intersection over union; 1 where both are empty."""
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0
