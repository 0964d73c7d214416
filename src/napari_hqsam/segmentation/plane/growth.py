"""From an answer that its tile may cut to one whole object.

While the mask runs into a side of its tile where the plane goes on, the field
grows: first upwards, to coarser levels, where one tile covers four times as
much; then back down, where the finer tiles along the boundary are asked again
with the coarse mask as prompt (`refining`). An object that coarser levels lose,
since it is long and thin, is followed from tile to tile instead (`following`).
Both are bounded, and a bound that is hit is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_hqsam.masks.metrics import iou
from napari_hqsam.segmentation.plane.field import Field
from napari_hqsam.segmentation.plane.following import AGREEMENT, Question, Trail
from napari_hqsam.segmentation.plane.parts import exits, pointed_at
from napari_hqsam.segmentation.plane.refining import refine, seen_finer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.plane.decoding import Answer, PlaneDecoder
    from napari_hqsam.tiling import Tile


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
        question = Question(self.decoder, self.prompt, self.output)
        answers = self._ascend(first)
        last = answers[-1]
        assert last.tile.address is not None
        trail = Trail(question, Field(self.decoder.grid, last.tile.address.level))
        coarse = trail.field
        part = self._on(self._field(last), last.tile)
        trail.add(last.tile, last.logits(self.output, self.which), part)
        complete = trail.follow(trail.exits(last.tile, part))
        asked = len(answers) + len(coarse.tiles) - 1
        while coarse.level > field.level:
            finer = refine(question, coarse, follow=complete)
            if finer is None:
                return Grown(coarse, complete, asked, refined=False)
            coarse = finer.field
            complete &= finer.complete
            asked += len(coarse.tiles)
        return Grown(coarse, complete, asked)

    def _field(self, answer: Answer) -> Field:
        logits = answer.logits(self.output, self.which)
        return Field.of(self.decoder.grid, answer.tile, logits)

    # --- is it whole? -----------------------------------------------------

    def _is_cut(self, field: Field, tile: Tile) -> bool:
        """Whether the object runs into a side of its only tile."""
        part = self._on(field, tile)
        return any(True for _ in exits(part, self.decoder.grid.open_sides(tile)))

    def _on(self, field: Field, tile: Tile) -> NDArray[np.bool_]:
        """Mask (h, w) of the object on a tile."""
        rect = field.rect(tile)
        return self._object(field.read(rect) > 0, rect, field.pitch)

    def _object(
        self, mask: NDArray[np.bool_], rect: Box, pitch: float
    ) -> NDArray[np.bool_]:
        return pointed_at(mask, self.prompt, rect[:2], pitch)

    # --- upwards ----------------------------------------------------------

    def _ascend(self, first: Answer) -> list[Answer]:
        """Answers level by level, the first one's first, until the object is whole.

        Ends early where the coarser look is not of the same object, or would mean
        to read too much.
        """
        grid = self.decoder.grid
        found, field, tile = [first], self._field(first), first.tile
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
            found.append(answer)
        return found

    def _agree(self, coarser: Field, field: Field, tile: Tile) -> bool:
        """Whether two levels show the same object within the finer one's tile."""
        rect = field.rect(tile)
        view = seen_finer(coarser, rect) > 0
        there = self._object(view, rect, field.pitch)
        return iou(self._on(field, tile), there) >= AGREEMENT
