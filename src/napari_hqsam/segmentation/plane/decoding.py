"""Decode prompts on a tile; keep what all outputs can be made from."""

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
"""Prompts in one decoder batch; on a CPU the maps of one fill the caches."""
STABILITY_OFFSET = 1.0
MAX_PIXELS = 2**27
"""Image pixels that a tile may be averaged from without being asked for."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What the decoder says to one prompt on one tile, on the CPU.

    Attributes
    ----------
    tile : Tile
        Where it was asked.
    sam : Tensor
        (4, S/4, S/4) float32 logits: SAM's single mask, then its three candidates.
    hq : Tensor or None
        (S/4, S/4) float32 logits of the HQ token.
    scores : tuple of float
        IoU that SAM expects of each of its four masks.
    """

    tile: Tile
    sam: Tensor
    hq: Tensor | None
    scores: tuple[float, ...]

    def logits(self, output: Output, which: int = 0) -> Tensor:
        """(S/4, S/4) logits of one mask; see `network.combine`."""
        if output == "sam":
            return self.sam[which]
        assert self.hq is not None, "decoded without the HQ mask"
        return self.sam[which] + self.hq if output == "sam+hq" else self.hq

    def stability(self, output: Output, which: int = 0) -> float:
        """IoU of one mask's logits above +1 and above -1; 0 where there are none.

        How little the mask depends on the threshold (reference file
        ``utils/amg.py``).
        """
        h, w = self.tile.decoded_shape
        logits = self.logits(output, which)[:h, :w]
        inner = int((logits > STABILITY_OFFSET).sum())
        outer = int((logits > -STABILITY_OFFSET).sum())
        return inner / outer if outer else 0.0


class PlaneDecoder:
    """The decoder on the tiles of one plane.

    Parameters
    ----------
    source : TileSource
        Gives the features of tiles.
    model : Model
        Whose decoder.
    grid : Grid
        Tiles of the plane.
    index : tuple of int
        Which plane.
    """

    def __init__(
        self, source: TileSource, model: Model, grid: Grid, index: tuple[int, ...]
    ) -> None:
        self.source, self.model, self.grid, self.index = source, model, grid, index

    def affordable(self, tile: Tile) -> bool:
        """Whether a tile can be seen without reading too much of the image.

        A coarse tile of an image without a pyramid is averaged from all its pixels.
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
    ) -> list[Answer]:
        """Decode prompts that are all looked at on one tile.

        Parameters
        ----------
        prompts : sequence of Prompt
            Plane coordinates.
        tile : Tile
            Encoded first if it is not there yet.
        hq : bool
            Whether the HQ mask is wanted.
        masks : sequence of ndarray, optional
            One a prompt, (h, w) float32 logits at the decoder's own resolution,
            at most (S/4, S/4): mask prompts instead of the prompts' own.

        Raises
        ------
        PromptError
            The HQ mask is wanted of a model without HQ modules.
        """
        # nothing is to be encoded ahead between the tile and its answers
        with self.source.foreground():
            features = self.source.features(self.index, tile)
            tokens = tokens_on_tile(
                prompts, tile, masks, plane_shape=self.grid.plane_shape
            )
            device = self.model.device
            step = CPU_BATCH if device.type == "cpu" else GPU_BATCH
            answers = []
            for i in range(0, len(prompts), step):
                batch = tokens.select(slice(i, i + step)).to(device)
                decoded = self.model.network.decode(features, batch, hq=hq)
                if hq and decoded.hq is None:
                    raise PromptError(
                        f"{self.model.name} is a SAM without HQ and has one output "
                        'alone: choose the output "sam"'
                    )
                sam, scores = (
                    decoded.sam.float().cpu(),
                    decoded.iou.float().cpu().tolist(),
                )
                fine = None if decoded.hq is None else decoded.hq.float().cpu()
                answers += [
                    Answer(
                        tile,
                        sam[row],
                        None if fine is None else fine[row, 0],
                        tuple(scores[row]),
                    )
                    for row in range(len(sam))
                ]
        return answers

    @torch.inference_mode()
    def instance_maps(self, tile: Tile) -> NDArray[np.float32] | None:
        """Foreground and distances on a tile, without prompts.

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


def place(tile: Tile) -> tuple[int, ...]:
    """Sort key that brings tiles of one level and row together."""
    return tile.address or (0, 0, 0)


def decode_by_tile(
    decoder: PlaneDecoder,
    prompts: Mapping[int, Prompt],
    looks: Mapping[int, Sequence[Tile]],
    *,
    hq: bool,
) -> dict[int, list[Answer]]:
    """Decode each of some numbered prompts on each of its tiles, tile by tile."""
    groups: dict[Tile, list[int]] = {}
    for i, tiles in looks.items():
        for tile in tiles if i in prompts else ():
            groups.setdefault(tile, []).append(i)
    answers: dict[int, list[Answer]] = {i: [] for i in prompts}
    for tile in sorted(groups, key=place):
        here = groups[tile]
        found = decoder.decode([prompts[i] for i in here], tile, hq=hq)
        for i, answer in zip(here, found, strict=True):
            answers[i].append(answer)
    return answers
