"""Turn the prediction on one tile into the mask of the whole object."""

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
from napari_hqsam.segmentation.plane.growth import MaskGrower

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_hqsam.network import Output
    from napari_hqsam.prompts import Prompt
    from napari_hqsam.segmentation.plane.decoding import PlaneDecoder, TilePrediction
    from napari_hqsam.segmentation.plane.growth import GrownMask
    from napari_hqsam.tiling import Tile


def object_mask(
    decoder: PlaneDecoder,
    prompt: Prompt,
    prediction: TilePrediction,
    output: Output,
    which: int,
    *,
    clean: bool,
) -> Mask:
    """Make the mask of an object, in plane pixels, from a prediction on its first tile.

    Parameters
    ----------
    decoder : PlaneDecoder
        Decodes further tiles where the object leaves the first one.
    prompt : Prompt
        Plane coordinates.
    prediction : TilePrediction
        For that prompt, on the first tile.
    output, which
        Which of its masks, as for `TilePrediction.logits`.
    clean : bool
        As of `SegmentOptions`.

    Warns
    -----
    HqsamWarning
        The object is cut off, or its boundary is coarse.
    """
    logits = prediction.logits(output, which)
    tile = prediction.tile
    rows, cols = tile.decoded_shape
    complete = True
    if tile.address is None:
        offset, crop = (tile.y0, tile.x0), full_tile_mask(logits, tile)
        stability = prediction.stability(output, which)
    else:
        grown = MaskGrower(decoder, prompt, output, which).run(prediction)
        _warn_if_limited(grown, prompt)
        offset, crop = grown.canvas.render()
        complete, stability = grown.complete, grown.canvas.stability()
    if clean:
        crop = _cleaned(crop, prompt, offset)
    return Mask.from_crop(
        crop,
        offset,
        prediction.scores[which],
        stability,
        level=None if tile.address is None else tile.address.level,
        complete=complete,
        logits=Logits.near_object(
            prediction.sam[which, :rows, :cols].numpy(),
            (tile.y0, tile.x0),
            tile.decoded_pitch,
        ),
    )


def _warn_if_limited(grown: GrownMask, prompt: Prompt) -> None:
    """Warn where a limit on the number of tiles was reached."""
    y, x = prompt.focus[:2]
    if not grown.complete:
        message = (
            f"the object at (y, x) = ({y:g}, {x:g}) continues beyond the "
            f"{grown.tiles} tiles that were decoded; the mask ends there. Prompt its "
            "other parts, or choose a coarser level"
        )
    elif not grown.refined:
        message = (
            f"the boundary of the object at (y, x) = ({y:g}, {x:g}) runs through too "
            f"many tiles to refine it: it is as fine as level {grown.canvas.level}. "
            "Choose that level, or segment parts"
        )
    else:
        return
    warnings.warn(message, HqsamWarning, stacklevel=5)


def _cleaned(
    crop: NDArray[np.bool_], prompt: Prompt, offset: tuple[int, int]
) -> NDArray[np.bool_]:
    """Drop specks and pinholes, and what negative clicks lie on."""
    # clicks mean the component that they lie on, a box or mask all of them
    only = prompt.box is None and prompt.mask is None
    clicks = clicks_in(prompt, offset, crop.shape)
    crop = clean_mask(crop, clicks, only_clicked=only)
    negatives = clicks_in(prompt, offset, crop.shape, label=0)
    return cut_negatives(crop, clicks, negatives)


def full_tile_mask(logits: Tensor, tile: Tile) -> NDArray[np.bool_]:
    """Return the mask (h, w) of a tile's plane pixels, upsampled as SAM does."""
    full = upsample_logits(
        logits[None, None], tile.size, tile.resized_shape, tile.shape
    )
    return (full[0, 0] > 0).numpy()


def clicks_in(
    prompt: Prompt, offset: tuple[int, int], shape: tuple[int, ...], label: int = 1
) -> NDArray[np.float64]:
    """Return the clicks of a label on a crop: (n, 2), (y, x) in crop pixels."""
    on = [
        point
        for point, sign in zip(prompt.points, prompt.point_labels, strict=True)
        if sign == label
    ]
    clicks = np.array(on).reshape(-1, 2) - offset
    inside = ((clicks >= -0.5) & (clicks < np.array(shape) - 0.5)).all(1)
    return clicks[inside]
