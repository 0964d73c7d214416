"""Grow a mask that its tile cuts off into the whole object.

While the mask touches a side of its tile where the plane goes on, the search goes
coarse to fine: first to coarser levels, where one tile covers four times the area,
until the object is closed; then back to finer ones, where the tiles along the boundary
are decoded with the coarse mask as prompt (`boundary`). A long thin object that coarser
levels lose is traced from tile to tile instead (`tracing`). Both have limits, and the
result tells whether one was reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_hqsam.masks.metrics import iou
from napari_hqsam.segmentation.plane.boundary import read_one_level_finer, refine
from napari_hqsam.segmentation.plane.components import exits, prompted_components
from napari_hqsam.segmentation.plane.logit_canvas import LogitCanvas
from napari_hqsam.segmentation.plane.tracing import AGREEMENT, TilePrompter, TileTracer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.plane.decoding import PlaneDecoder, TilePrediction
    from napari_hqsam.tiling import Tile


@dataclass(frozen=True, eq=False)
class GrownMask:
    """The logits of a whole object.

    Attributes
    ----------
    canvas : LogitCanvas
        Its logits, at the finest level that was decoded.
    complete : bool
        False if a limit was reached before the object was closed.
    tiles : int
        Number of tiles decoded.
    refined : bool
        False if the boundary runs through more than `tracing.MAX_TILES` tiles of
        the first prediction's level, and is therefore coarser.
    """

    canvas: LogitCanvas
    complete: bool
    tiles: int
    refined: bool = True


@dataclass(frozen=True, eq=False)
class MaskGrower:
    """Grows the mask of one object beyond its first tile.

    Parameters
    ----------
    decoder : PlaneDecoder
        Decodes further tiles.
    prompt : Prompt
        The user's prompt, plane coordinates.
    output : {"sam+hq", "sam", "hq"}
        Which mask.
    which : int
        0 for SAM's single mask, 1 to 3 for a candidate.
    """

    decoder: PlaneDecoder
    prompt: Prompt
    output: Output
    which: int = 0

    def run(self, first: TilePrediction) -> GrownMask:
        """Grow a prediction on a tile of the grid until the object is closed."""
        canvas = self._canvas(first)
        if not self._is_cut(canvas, first.tile):
            return GrownMask(canvas, complete=True, tiles=1)
        prompter = TilePrompter(self.decoder, self.prompt, self.output)
        predictions = self._coarser_predictions(first)
        last = predictions[-1]
        assert last.tile.address is not None
        coarse = LogitCanvas(self.decoder.grid, last.tile.address.level)
        tracer = TileTracer(prompter, coarse)
        part = self._object_on(self._canvas(last), last.tile)
        tracer.add(last.tile, last.logits(self.output, self.which), part)
        complete = tracer.trace(tracer.exits(last.tile, part))
        decoded = len(predictions) + len(coarse.tiles) - 1
        while coarse.level > canvas.level:
            finer = refine(prompter, coarse, trace=complete)
            if finer is None:
                return GrownMask(coarse, complete, decoded, refined=False)
            coarse = finer.canvas
            complete &= finer.complete
            decoded += len(coarse.tiles)
        return GrownMask(coarse, complete, decoded)

    def _canvas(self, prediction: TilePrediction) -> LogitCanvas:
        logits = prediction.logits(self.output, self.which)
        return LogitCanvas.of(self.decoder.grid, prediction.tile, logits)

    def _is_cut(self, canvas: LogitCanvas, tile: Tile) -> bool:
        """Whether the object touches an open side of its only tile."""
        part = self._object_on(canvas, tile)
        return any(True for _ in exits(part, self.decoder.grid.open_sides(tile)))

    def _object_on(self, canvas: LogitCanvas, tile: Tile) -> NDArray[np.bool_]:
        """Return the mask (h, w) of the object on a tile."""
        rect = canvas.rect(tile)
        return self._object(canvas.read(rect) > 0, rect, canvas.pitch)

    def _object(
        self, mask: NDArray[np.bool_], rect: Box, pitch: float
    ) -> NDArray[np.bool_]:
        return prompted_components(mask, self.prompt, rect[:2], pitch)

    def _coarser_predictions(self, first: TilePrediction) -> list[TilePrediction]:
        """Decode coarser and coarser levels until the object is closed.

        Returns the predictions, the first one first. Ends early where the coarser
        level shows another object, or would read too many pixels.
        """
        grid = self.decoder.grid
        found, canvas, tile = [first], self._canvas(first), first.tile
        while canvas.level < grid.coarsest and self._is_cut(canvas, tile):
            y0, x0, y1, x1 = tile.region
            above = grid.nearest(
                canvas.level + 1, ((y0 + y1 - 1) / 2, (x0 + x1 - 1) / 2)
            )
            if not self.decoder.is_affordable(above):
                break
            (prediction,) = self.decoder.decode(
                [self.prompt], above, hq=self.output != "sam"
            )
            coarser = self._canvas(prediction)
            if not self._agree(coarser, canvas, tile):
                break
            canvas, tile = coarser, above
            found.append(prediction)
        return found

    def _agree(self, coarser: LogitCanvas, canvas: LogitCanvas, tile: Tile) -> bool:
        """Whether two levels show the same object within the finer one's tile."""
        rect = canvas.rect(tile)
        view = read_one_level_finer(coarser, rect) > 0
        there = self._object(view, rect, canvas.pitch)
        return iou(self._object_on(canvas, tile), there) >= AGREEMENT
