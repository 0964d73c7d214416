"""Search for the level that shows a clicked object of unknown size best."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from napari_hqsam.geometry.boxes import shape_of
from napari_hqsam.masks.algebra import tight_box
from napari_hqsam.segmentation.plane.components import (
    exits,
    obeyed_fraction,
    prompted_components,
)
from napari_hqsam.segmentation.plane.levels import size_prior, tile_for
from napari_hqsam.segmentation.plane.logit_canvas import LogitCanvas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_hqsam.models import Tuning
    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.plane.decoding import PlaneDecoder, TilePrediction
    from napari_hqsam.tiling import Tile


class LevelSearch:
    """Chooses further levels, and the best, for prompts decoded at several levels.

    Hill climbing: the levels beside the best one so far are decoded, until none of them
    is better. The quality of a mask is the product of the predicted IoU, the stability,
    the fraction of clicks that it obeys, `size_prior`, and, if it reaches the side of
    its tile, `Tuning.cut_factor`.

    Parameters
    ----------
    decoder : PlaneDecoder
        Decodes tiles of the plane.
    output, which
        Which of the masks count, as for `TilePrediction.logits`.
    tuning : Tuning
        Settings of the model.
    view_extent : float, optional
        Longer side of what the user sees, plane pixels.
    """

    def __init__(
        self,
        decoder: PlaneDecoder,
        output: Output,
        which: int,
        tuning: Tuning,
        view_extent: float | None = None,
    ) -> None:
        self._decoder, self._view_extent = decoder, view_extent
        self._output: Output = output
        self._which, self._tuning = which, tuning
        self._ratings: dict[TilePrediction, Rating] = {}

    def further_tiles(
        self,
        prompts: Mapping[int, Prompt],
        predictions: Mapping[int, Sequence[TilePrediction]],
    ) -> dict[int, list[Tile]]:
        """Return tiles to decode next, by number of the prompt.

        At the levels beside the best so far, as far as the positive clicks fit in a
        tile, and it can be read at an acceptable cost. None for prompts without a mask
        at any level.

        Parameters
        ----------
        prompts : mapping of int to Prompt
            Plane coordinates.
        predictions : mapping of int to sequence of TilePrediction
            Predictions of each prompt, one a level.
        """
        grid, tiles = self._decoder.grid, {}
        for i, prompt in prompts.items():
            found = predictions[i]
            best = self.best(prompt, found)
            if not self._rating(prompt, best).has_mask:
                continue
            y0, x0, y1, x1 = prompt.focus
            finest = grid.level_for(max(y1 - y0, x1 - x0), 0.5)
            near = {max(level_of(best) + step, finest) for step in (-1, 1)}
            near = {grid.clip(level) for level in near} - {level_of(p) for p in found}
            wanted = [tile_for(prompt, grid, level) for level in sorted(near)]
            tiles[i] = [tile for tile in wanted if self._decoder.is_affordable(tile)]
        return {i: each for i, each in tiles.items() if each}

    def best(self, prompt: Prompt, found: Sequence[TilePrediction]) -> TilePrediction:
        """Return the prediction with the highest rating.

        Of equal ones, that at the image's own scale, or nearest to it; of equal ones
        that are cut, the coarsest.
        """
        if len(found) == 1:
            return found[0]
        return max(found, key=lambda each: self._rating(prompt, each))

    def _rating(self, prompt: Prompt, prediction: TilePrediction) -> Rating:
        if prediction not in self._ratings:
            self._ratings[prediction] = self._rate(prompt, prediction)
        return self._ratings[prediction]

    def _rate(self, prompt: Prompt, prediction: TilePrediction) -> Rating:
        grid, tile, level = self._decoder.grid, prediction.tile, level_of(prediction)
        logits = prediction.logits(self._output, self._which)
        canvas = LogitCanvas.of(grid, tile, logits)
        rect = canvas.rect(tile)
        part = prompted_components(
            canvas.read(rect) > 0, prompt, rect[:2], canvas.pitch
        )
        extent = max(shape_of(tight_box(part))) * canvas.pitch
        if not extent:
            return Rating(False, 0.0, True, -abs(level))
        quality = (
            max(prediction.scores[self._which], 0.0)  # no activation bounds it
            * prediction.stability(self._output, self._which)
            * obeyed_fraction(part, prompt, rect[:2], canvas.pitch)
            * size_prior(grid, extent, self._view_extent, self._tuning.view_sigmas)
        )
        if any(exits(part, grid.open_sides(tile))):
            return Rating(True, quality * self._tuning.cut_factor, False, level)
        return Rating(True, quality, True, -abs(level))


class Rating(NamedTuple):
    """How good a prediction is, to be compared.

    Attributes
    ----------
    has_mask : bool
        Whether it is not empty.
    quality : float
        See `LevelSearch`.
    is_whole : bool
        Whether it does not reach the side of its tile.
    order : int
        Order of equal ones: see `LevelSearch.best`.
    """

    has_mask: bool
    quality: float
    is_whole: bool
    order: int


def level_of(prediction: TilePrediction) -> int:
    """Return the level of the tile of a prediction."""
    assert prediction.tile.address is not None
    return prediction.tile.address.level
