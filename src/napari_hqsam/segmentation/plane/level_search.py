"""Search for the level that shows a clicked object of unknown size best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.geometry.boxes import shape_of
from napari_hqsam.masks.algebra import tight_box
from napari_hqsam.segmentation.plane.components import exits, prompted_components
from napari_hqsam.segmentation.plane.levels import size_prior, tile_for
from napari_hqsam.segmentation.plane.logit_canvas import LogitCanvas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_hqsam.models import Tuning
    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.plane.decoding import PlaneDecoder, TilePrediction
    from napari_hqsam.tiling import Tile

CUT_FACTOR = 0.8
"""Factor of the rating of a mask that reaches the side of its tile: the network may not
have seen the whole object, and following it takes more tiles."""


class LevelSearch:
    """Chooses further levels, and the best, for prompts decoded at several levels.

    Hill climbing: the levels beside the best one so far are decoded, until none of them
    is better. The rating of a mask is the product of the predicted IoU, the stability,
    `size_prior`, and `CUT_FACTOR` if it is cut.

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
        self._which, self._sigmas = which, tuning.view_sigmas
        self._ratings: dict[TilePrediction, tuple[float, int]] = {}

    def further_tiles(
        self,
        prompts: Mapping[int, Prompt],
        predictions: Mapping[int, Sequence[TilePrediction]],
    ) -> dict[int, list[Tile]]:
        """Return tiles to decode next, by number of the prompt.

        At the levels beside the best so far, as far as the positive clicks fit in a
        tile, and it can be read at an acceptable cost. None for prompts decoded at one
        level only, whose size is known, nor for those without a mask at any level.

        Parameters
        ----------
        prompts : mapping of int to Prompt
            Plane coordinates.
        predictions : mapping of int to sequence of TilePrediction
            Predictions of each prompt, one a level.
        """
        grid, tiles = self._decoder.grid, {}
        for i, found in predictions.items():
            best = self.best(prompts[i], found)
            if len(found) < 2 or not self._rating(prompts[i], best)[0]:
                continue
            y0, x0, y1, x1 = prompts[i].focus
            finest = grid.level_for(max(y1 - y0, x1 - x0), 0.5)
            near = {max(level_of(best) + step, finest) for step in (-1, 1)}
            near = {grid.clip(level) for level in near} - {level_of(p) for p in found}
            wanted = [tile_for(prompts[i], grid, level) for level in sorted(near)]
            tiles[i] = [tile for tile in wanted if self._decoder.is_affordable(tile)]
        return {i: each for i, each in tiles.items() if each}

    def best(self, prompt: Prompt, found: Sequence[TilePrediction]) -> TilePrediction:
        """Return the prediction with the highest rating.

        Of equal ones, that at the image's own scale, or nearest to it; of equal ones
        that are cut, the coarsest.
        """
        if len(found) < 2:
            return found[0]
        return max(found, key=lambda each: self._rating(prompt, each))

    def _rating(self, prompt: Prompt, prediction: TilePrediction) -> tuple[float, int]:
        """Return the rating, 0 if there is no mask, and the order of equal ones."""
        if prediction not in self._ratings:
            self._ratings[prediction] = self._rate(prompt, prediction)
        return self._ratings[prediction]

    def _rate(self, prompt: Prompt, prediction: TilePrediction) -> tuple[float, int]:
        grid, tile, level = self._decoder.grid, prediction.tile, level_of(prediction)
        logits = prediction.logits(self._output, self._which)
        canvas = LogitCanvas.of(grid, tile, logits)
        rect = canvas.rect(tile)
        part = prompted_components(
            canvas.read(rect) > 0, prompt, rect[:2], canvas.pitch
        )
        extent = max(shape_of(tight_box(part))) * canvas.pitch
        if not extent:
            return 0.0, -abs(level)
        rating = (
            prediction.scores[self._which]
            * prediction.stability(self._output, self._which)
            * size_prior(grid, extent, self._view_extent, self._sigmas)
        )
        if any(exits(part, grid.open_sides(tile))):
            return rating * CUT_FACTOR, level
        return rating, -abs(level)


def level_of(prediction: TilePrediction) -> int:
    """Return the level of the tile of a prediction."""
    assert prediction.tile.address is not None
    return prediction.tile.address.level
