"""Resolve overlaps between the masks of a slice: each pixel goes to one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry.boxes import common, index_in, shape_of
from napari_hqsam.masks.algebra import crop_of, overlapping_boxes
from napari_hqsam.segmentation.propagation.logit_maps import sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.images import Image
    from napari_hqsam.masks import Logits
    from napari_hqsam.masks.mask import Mask

TakenLabels: TypeAlias = "Callable[[tuple[int, ...], Box], NDArray[Any]] | Any"
"""Existing labels: an array (..., h, w), read by regions, or a callable
(plane position, (y0, x0, y1, x1)) -> (h, w) array. 0 is free."""

PROPAGATED, PROMPTED, GIVEN = 0, 1, 2
"""Ranks of masks: given ones go before prompted ones, those before propagated ones."""


@dataclass(frozen=True, eq=False)
class Claim:
    """A mask that takes part in resolving overlaps.

    Attributes
    ----------
    mask : Mask
    logits : Logits or None
        Logits of that mask; None counts as 0 everywhere.
    rank : int
        A higher rank wins, whatever the logits.
    """

    mask: Mask
    logits: Logits | None
    rank: int = PROPAGATED


def check_taken(taken: TakenLabels | None, image: Image) -> None:
    """Raise ImageError if an array of labels does not fit the image."""
    if taken is None or callable(taken):
        return
    wanted = (*image.leading_shape, *image.plane_shape)
    if tuple(taken.shape) != wanted:
        raise ImageError(
            f"the labels of accepted objects have shape {tuple(taken.shape)}, but "
            f"{image.name} needs {wanted}"
        )


def resolve_overlaps(
    claims: Mapping[int, Claim], plane: tuple[int, ...], taken: TakenLabels | None
) -> dict[int, Mask]:
    """Assign each pixel in several masks by argmax of the logits.

    Logits are interpolated to pixels, since masks may come from different levels.
    Ties go to the object with the lower number. Taken pixels go to none.

    Parameters
    ----------
    claims : mapping of int to Claim
    plane : tuple of int
        Position of the slice, for `taken`.
    taken : array-like, callable or None

    Returns
    -------
    dict of int to Mask
        Disjoint; the same `Mask` where it lost nothing.
    """
    numbers = sorted(i for i, claim in claims.items() if claim.mask.area)
    pixels = {i: claims[i].mask.data for i in numbers}
    masks = [claims[i].mask for i in numbers]
    for a, b in overlapping_boxes(masks, masks):
        if a < b:
            _resolve_pair(claims, numbers[a], numbers[b], pixels)
    if taken is not None:
        for i in numbers:
            free = read_taken(taken, plane, claims[i].mask.bbox) == 0
            if (pixels[i] & ~free).any():
                pixels[i] = pixels[i] & free
    return {
        i: claim.mask
        if pixels.get(i) is claim.mask.data or i not in pixels
        else claim.mask.with_pixels(pixels[i])
        for i, claim in claims.items()
    }


def read_taken(taken: TakenLabels, plane: tuple[int, ...], box: Box) -> NDArray[Any]:
    """Read existing labels (h, w) in a box of a plane; nothing else is read."""
    y0, x0, y1, x1 = box
    if callable(taken):
        return np.asarray(taken(plane, box))
    return np.asarray(taken[(*plane, slice(y0, y1), slice(x0, x1))])


def _resolve_pair(
    claims: Mapping[int, Claim], i: int, j: int, pixels: dict[int, NDArray[np.bool_]]
) -> None:
    """Resolve the overlap of two masks in place; i is the lower number."""
    one, other = claims[i], claims[j]
    box = common(one.mask.bbox, other.mask.bbox)
    both = crop_of(one.mask.bbox, one.mask.data, box)
    both &= crop_of(other.mask.bbox, other.mask.data, box)
    if not both.any():
        return
    if one.rank != other.rank:
        first = np.full(both.shape, one.rank > other.rank)
    else:
        first = _logits_in(one, box) >= _logits_in(other, box)
    for k, lost in ((i, both & ~first), (j, both & first)):
        if not lost.any():
            continue
        data = pixels[k] = pixels[k].copy()
        data[index_in(box, claims[k].mask.bbox)] &= ~lost


def _logits_in(claim: Claim, box: Box) -> NDArray[np.float32]:
    """Return the logits at the pixels of a box; 0 where there are none."""
    if claim.logits is None:
        return np.zeros(shape_of(box), np.float32)
    return sample(claim.logits, box)
