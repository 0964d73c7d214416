"""Run the mask decoder for prompts on tiles; keep the logits of every output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_hqsam.errors import PromptError
from napari_hqsam.segmentation.plane.encode_prompts import tokens_on_tile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_hqsam.embeddings import TileSource
    from napari_hqsam.models import Model
    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.tiling import Grid, Tile

CPU_BATCH, GPU_BATCH = 1, 64
"""Prompts per decoder batch: on a CPU one prompt's feature maps fill the caches."""
STABILITY_OFFSET = 1.0
"""Offset of the two thresholds of the stability score, logits; as SAM's."""
MAX_PIXELS = 2**27
"""Most image pixels read for a coarser tile that the user has not chosen."""


@dataclass(frozen=True, eq=False)
class TilePrediction:
    """The decoder's output for one prompt on one tile, on the CPU.

    Attributes
    ----------
    tile : Tile
        Where it was decoded.
    sam : Tensor
        (4, S/4, S/4) float32 logits: SAM's single mask, then its three candidates.
    hq : Tensor or None
        (S/4, S/4) float32 logits of the HQ token; None if not decoded.
    scores : tuple of float
        Predicted IoU of each of SAM's four masks.
    """

    tile: Tile
    sam: Tensor
    hq: Tensor | None
    scores: tuple[float, ...]

    def logits(self, output: Output, which: int = 0) -> Tensor:
        """Return the (S/4, S/4) logits of one mask; see `network.combine`.

        Parameters
        ----------
        output : {"sam+hq", "sam", "hq"}
        which : int
            0 for SAM's single mask, 1 to 3 for a candidate; not used by "hq".
        """
        if output == "sam":
            return self.sam[which]
        assert self.hq is not None, "decoded without the HQ mask"
        return self.sam[which] + self.hq if output == "sam+hq" else self.hq

    def stability(self, output: Output, which: int = 0) -> float:
        """Return SAM's stability score of a mask, 0..1; 0 where there is no mask.

        IoU of the masks thresholded at logits +1 and -1 (reference file
        ``utils/amg.py``, ``calculate_stability_score``).
        """
        h, w = self.tile.decoded_shape
        logits = self.logits(output, which)[:h, :w]
        inner = int((logits > STABILITY_OFFSET).sum())
        outer = int((logits > -STABILITY_OFFSET).sum())
        return inner / outer if outer else 0.0


class PlaneDecoder:
    """Runs a model's mask decoder on the tiles of one plane.

    Parameters
    ----------
    source : TileSource
        Gives the embeddings of tiles.
    model : Model
        The model.
    grid : Grid
        Tiles of the plane.
    index : tuple of int
        Position of the plane along the image's leading axes.
    """

    def __init__(
        self, source: TileSource, model: Model, grid: Grid, index: tuple[int, ...]
    ) -> None:
        self.source, self.model, self.grid, self.index = source, model, grid, index

    def is_affordable(self, tile: Tile) -> bool:
        """Whether reading a tile takes at most `MAX_PIXELS` of the image.

        Without a pyramid, a coarse tile is averaged from full-resolution pixels.
        """
        assert tile.address is not None
        levels = self.source.image.levels
        read_at = max(k for k in levels if k <= max(tile.address.level, 0))
        h, w = tile.shape
        return bool(h * w <= MAX_PIXELS << 2 * read_at)

    @torch.inference_mode()
    def decode(
        self,
        prompts: Sequence[Prompt],
        tile: Tile,
        *,
        hq: bool,
        masks: Sequence[NDArray[np.float32]] | None = None,
    ) -> list[TilePrediction]:
        """Decode prompts on one tile, in batches.

        Parameters
        ----------
        prompts : sequence of Prompt
            Plane coordinates.
        tile : Tile
            Encoded first if its embedding is not stored.
        hq : bool
            Whether to compute the HQ mask.
        masks : sequence of ndarray, optional
            One per prompt, (h, w) float32 logits at the decoder's resolution, at
            most (S/4, S/4): mask prompts that replace the prompts' own.

        Returns
        -------
        list of TilePrediction
            One per prompt.

        Raises
        ------
        PromptError
            `hq` for a model without HQ modules.
        """
        # pause prefetching while somebody waits
        with self.source.foreground():
            features = self.source.features(self.index, tile)
            tokens = tokens_on_tile(
                prompts, tile, masks, plane_shape=self.grid.plane_shape
            )
            device = self.model.device
            step = CPU_BATCH if device.type == "cpu" else GPU_BATCH
            predictions = []
            for i in range(0, len(prompts), step):
                batch = tokens.select(slice(i, i + step)).to(device)
                decoded = self.model.network.decode(features, batch, hq=hq)
                if hq and decoded.hq is None:
                    raise PromptError(
                        f"{self.model.name} is a SAM without HQ modules; choose the "
                        'output "sam"'
                    )
                sam, scores = (
                    decoded.sam.float().cpu(),
                    decoded.iou.float().cpu().tolist(),
                )
                fine = None if decoded.hq is None else decoded.hq.float().cpu()
                predictions += [
                    TilePrediction(
                        tile,
                        sam[row],
                        None if fine is None else fine[row, 0],
                        tuple(scores[row]),
                    )
                    for row in range(len(sam))
                ]
        return predictions

    @torch.inference_mode()
    def instance_maps(self, tile: Tile) -> NDArray[np.float32] | None:
        """Run the instance decoder on a tile: foreground and distance maps.

        Returns
        -------
        ndarray or None
            (3, h, w) float32 in 0..1, of the `decoded_shape` of the tile; see
            `network.InstanceDecoder`. None where the model has no instance decoder.
        """
        with self.source.foreground():
            features = self.source.features(self.index, tile)
            maps = self.model.network.instance_maps(features)
        if maps is None:
            return None
        h, w = tile.decoded_shape
        cropped: NDArray[np.float32] = maps[0, :, :h, :w].float().cpu().numpy()
        return cropped


def tile_order(tile: Tile) -> tuple[int, ...]:
    """Return a sort key that puts tiles of one level and row side by side."""
    return tile.address or (0, 0, 0)


def decode_by_tile(
    decoder: PlaneDecoder,
    prompts: Mapping[int, Prompt],
    tiles: Mapping[int, Sequence[Tile]],
    *,
    hq: bool,
) -> dict[int, list[TilePrediction]]:
    """Decode each numbered prompt on each of its tiles, grouped by tile.

    Parameters
    ----------
    decoder : PlaneDecoder
    prompts : mapping of int to Prompt
        Plane coordinates.
    tiles : mapping of int to sequence of Tile
        Tiles of each prompt; those of other numbers are ignored.
    hq : bool
        Whether to compute the HQ mask.

    Returns
    -------
    dict of int to list of TilePrediction
        For each prompt, ordered by level, row and column of the tile.
    """
    groups: dict[Tile, list[int]] = {}
    for i, each in tiles.items():
        for tile in each if i in prompts else ():
            groups.setdefault(tile, []).append(i)
    predictions: dict[int, list[TilePrediction]] = {i: [] for i in prompts}
    for tile in sorted(groups, key=tile_order):
        here = groups[tile]
        found = decoder.decode([prompts[i] for i in here], tile, hq=hq)
        for i, prediction in zip(here, found, strict=True):
            predictions[i].append(prediction)
    return predictions
