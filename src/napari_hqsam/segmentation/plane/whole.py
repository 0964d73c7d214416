"""From an answer on one tile to the mask of the whole object."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.errors import HqsamWarning
from napari_hqsam.masks import Logits
from napari_hqsam.masks.cleaning import clean_mask
from napari_hqsam.masks.mask import Mask
from napari_hqsam.masks.negatives import cut_negatives
from napari_hqsam.network import upsample_logits
from napari_hqsam.segmentation.plane.growth import Growth

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.plane.decoding import Answer, PlaneDecoder
    from napari_hqsam.tiling import Tile


def whole_mask(
    decoder: PlaneDecoder,
    prompt: Prompt,
    answer: Answer,
    output: Output,
    which: int,
    *,
    clean: bool,
) -> Mask:
    """From an answer on one tile to the whole object, in plane pixels.

    Parameters
    ----------
    decoder : PlaneDecoder
        For the tiles that the object goes on to.
    prompt : Prompt
        Plane coordinates.
    answer : Answer
        To it, on the first tile.
    output, which
        Which of its masks, as for `Answer.logits`.
    clean : bool
        See `Segmenter.segment`.

    Warns
    -----
    HqsamWarning
        The object is cut off, or its boundary is coarse.
    """
    logits = answer.logits(output, which)
    tile = answer.tile
    seen = tile.decoded_shape
    complete = True
    if tile.address is None:
        offset, crop = (tile.y0, tile.x0), whole_tile(logits, tile)
        stability = answer.stability(output, which)
    else:
        grown = Growth(decoder, prompt, output, which).run(answer)
        offset, crop = grown.field.render()
        complete = grown.complete
        stability = grown.field.stability()
        if not complete:
            warnings.warn(
                f"the object at (y, x) = ({prompt.focus[0]:g}, "
                f"{prompt.focus[1]:g}) goes on beyond the {grown.tiles} tiles "
                "looked at; the mask ends there. Prompt its further parts, or "
                "choose a coarser level",
                HqsamWarning,
                stacklevel=4,
            )
        elif not grown.refined:
            warnings.warn(
                f"the boundary of the object at (y, x) = ({prompt.focus[0]:g}, "
                f"{prompt.focus[1]:g}) runs through too many tiles to be looked "
                f"at again: it is as fine as level {grown.field.level} shows it. "
                "Choose that level, or segment parts",
                HqsamWarning,
                stacklevel=4,
            )
    if clean:
        # clicks say which part is meant; a box or a mask holds all of them
        only = prompt.box is None and prompt.mask is None
        clicks = clicks_in(prompt, offset, crop.shape)
        crop = clean_mask(crop, clicks, only_clicked=only)
        denied = clicks_in(prompt, offset, crop.shape, label=0)
        crop = cut_negatives(crop, clicks, denied)
    level = None if tile.address is None else tile.address.level
    return Mask.from_crop(
        crop,
        offset,
        answer.scores[which],
        stability,
        level=level,
        complete=complete,
        logits=Logits.near_object(
            answer.sam[which, : seen[0], : seen[1]].numpy(),
            (tile.y0, tile.x0),
            tile.decoded_pitch,
        ),
    )


def whole_tile(logits: Tensor, tile: Tile) -> NDArray[np.bool_]:
    """Mask (h, w) of all the plane pixels of a tile, upsampled as SAM does."""
    full = upsample_logits(
        logits[None, None], tile.size, tile.resized_shape, tile.shape
    )
    return (full[0, 0] > 0).numpy()


def clicks_in(
    prompt: Prompt, offset: tuple[int, int], shape: tuple[int, ...], label: int = 1
) -> NDArray[np.float64]:
    """(n, 2) clicks of a label that lie on a crop, (y, x) in its own pixels."""
    on = [
        point
        for point, sign in zip(prompt.points, prompt.point_labels, strict=True)
        if sign == label
    ]
    clicks = np.array(on).reshape(-1, 2) - offset
    inside = ((clicks >= -0.5) & (clicks < np.array(shape) - 0.5)).all(1)
    return clicks[inside]
