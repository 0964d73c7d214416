"""Pixels that several objects of a slice claim: each goes to one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_hqsam.errors import ImageError
from napari_hqsam.geometry.boxes import common, index_in, shape_of
from napari_hqsam.masks.algebra import crop_of
from napari_hqsam.segmentation.propagation.maps import at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from numpy.typing import NDArray

    from napari_hqsam.geometry import Box
    from napari_hqsam.images import Image
    from napari_hqsam.masks import Logits
    from napari_hqsam.masks.mask import Mask

Taken: TypeAlias = "Callable[[tuple[int, ...], Box], NDArray[Any]] | Any"
"""Labels of accepted objects: an array (..., h, w), read by regions, or a callable
(plane index, (y0, x0, y1, x1)) -> (h, w) array. What is not 0 is taken."""

FOLLOWED, PROMPTED, GIVEN = 0, 1, 2
"""Ranks: what the user said goes before what was followed."""


@dataclass(frozen=True, eq=False)
class Claim:
    """What an object would have.

    Attributes
    ----------
    mask : Mask
    logits : Logits or None
        Of that mask; None is never sure of a pixel.
    rank : int
        Claims of a higher rank go first, whatever the logits.
    """

    mask: Mask
    logits: Logits | None
    rank: int = FOLLOWED


def check_taken(taken: Taken | None, image: Image) -> None:
    """Raise ImageError if an array of labels does not fit the image."""
    if taken is None or callable(taken):
        return
    wanted = (*image.leading_shape, *image.plane_shape)
    if tuple(taken.shape) != wanted:
        raise ImageError(
            f"labels of accepted objects have shape {tuple(taken.shape)}; "
            f"{image.name} needs {wanted}"
        )


def resolve_overlaps(
    claims: Mapping[int, Claim], plane: tuple[int, ...], taken: Taken | None
) -> dict[int, Mask]:
    """Give every contested pixel to the claim with the highest logit there.

    Compared pixel by pixel, since objects may be seen at different levels. Equal
    logits: to the object with the lower number. What is taken goes to none.

    Parameters
    ----------
    claims : mapping of int to Claim
    plane : tuple of int
        Index of the slice, for `taken`.
    taken : array-like, callable or None

    Returns
    -------
    dict of int to Mask
        Disjoint; the very masks where nothing was lost.
    """
    numbers = sorted(i for i, claim in claims.items() if claim.mask.area)
    left = {i: claims[i].mask.data for i in numbers}
    if numbers:
        boxes = np.array([claims[i].mask.bbox for i in numbers])
        meets = (boxes[:, None, :2] < boxes[None, :, 2:]).all(2)
        for a, b in np.argwhere(np.triu(meets & meets.T, 1)).tolist():
            _settle(claims, numbers[a], numbers[b], left)
    if taken is not None:
        for i in numbers:
            free = read_taken(taken, plane, claims[i].mask.bbox) == 0
            if (left[i] & ~free).any():
                left[i] = left[i] & free
    return {
        i: claim.mask
        if left.get(i) is claim.mask.data or i not in left
        else claim.mask.with_pixels(left[i])
        for i, claim in claims.items()
    }


def read_taken(taken: Taken, plane: tuple[int, ...], box: Box) -> NDArray[Any]:
    """Labels of accepted objects in a region of a plane; nothing else is read."""
    y0, x0, y1, x1 = box
    if callable(taken):
        return np.asarray(taken(plane, box))
    return np.asarray(taken[(*plane, slice(y0, y1), slice(x0, x1))])


def _settle(
    claims: Mapping[int, Claim], i: int, j: int, left: dict[int, NDArray[np.bool_]]
) -> None:
    """Take from two objects what goes to the other; i is the lower number."""
    one, other = claims[i], claims[j]
    box = common(one.mask.bbox, other.mask.bbox)
    both = crop_of(one.mask.bbox, one.mask.data, box)
    both &= crop_of(other.mask.bbox, other.mask.data, box)
    if not both.any():
        return
    if one.rank != other.rank:
        first = np.full(both.shape, one.rank > other.rank)
    else:
        first = _sureness(one, box) >= _sureness(other, box)
    for k, lost in ((i, both & ~first), (j, both & first)):
        if not lost.any():
            continue
        data = left[k] = left[k].copy()
        data[index_in(box, claims[k].mask.bbox)] &= ~lost


def _sureness(claim: Claim, box: Box) -> NDArray[np.float32]:
    if claim.logits is None:
        return np.zeros(shape_of(box), np.float32)
    return at(claim.logits, box)
