"""Remove specks and fill pinholes in the mask of one object.

Masks may be large: besides the result, memory is needed for one stripe only, and the
result does not depend on the stripes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SPECK_SHARE = 0.1
"""A component smaller than this fraction of the largest one is a speck."""
PINHOLE_SHARE = 0.01
"""A hole smaller than this fraction of the mask is a pinhole."""
MIN_PIXELS = 8
"""Components and holes below this are specks and pinholes, however small the mask."""
STRIPE = 1 << 20
"""Pixels of a mask labelled at once."""

_EIGHT, _FOUR = np.ones((3, 3), bool), ndimage.generate_binary_structure(2, 1)


def clean_mask(
    mask: NDArray[np.bool_],
    clicks: NDArray[np.float64] | None = None,
    *,
    only_clicked: bool = False,
) -> NDArray[np.bool_]:
    """Drop specks and fill pinholes.

    Components with a positive click stay, whatever their size, and so does the largest.
    Larger holes (rings, lumina) stay.

    Parameters
    ----------
    mask : ndarray
        (h, w) bool.
    clicks : ndarray, optional
        (n, 2) positive clicks, (y, x) in the mask's own pixels.
    only_clicked : bool
        Drop all components without a click, if any has one.

    Returns
    -------
    ndarray
        A new (h, w) bool array.
    """
    if not mask.any():
        return mask.copy()
    parts = _Regions(mask, on=True)
    areas = parts.areas
    keep = areas >= max(SPECK_SHARE * areas.max(), min(MIN_PIXELS, areas.max()))
    if clicks is not None and len(clicks):
        clicked = parts.at(clicks)
        if only_clicked and clicked.any():
            keep[:] = False
        keep[clicked] = True
    keep[0] = False
    cleaned = np.empty_like(mask)
    for rows, kept in parts.chosen(keep):
        cleaned[rows] = kept
    holes = _Regions(cleaned, on=False)
    small = holes.areas < max(MIN_PIXELS, PINHOLE_SHARE * np.count_nonzero(cleaned))
    small[holes.bordering] = False  # open to the outside: no hole
    small[0] = False
    for rows, filled in holes.chosen(small):
        cleaned[rows] |= filled
    return cleaned


class _Regions:
    """Connected components of a mask or of its background, numbered from 1.

    Two-pass labelling by stripes: each stripe is labelled by itself, then labels that
    touch across stripe borders are merged (connected components of their graph).

    Parameters
    ----------
    mask : ndarray
        (h, w) bool, not empty. Rows that `chosen` has yielded may be changed.
    on : bool
        Components of the mask, 8-connected; else of the background, 4-connected.

    Attributes
    ----------
    areas : ndarray
        Pixels of each; 0 at index 0.
    bordering : ndarray
        Those that touch the border of the mask; may include 0.
    """

    def __init__(self, mask: NDArray[np.bool_], *, on: bool) -> None:
        self._mask, self._on = mask, on
        self._structure = _EIGHT if on else _FOUR
        height, width = mask.shape
        step = max(1, STRIPE // max(1, width))
        self._stripes = [slice(y, y + step) for y in range(0, height, step)]
        self._newest: tuple[int, NDArray[np.int32]] | None = None
        self._before = [0]  # labels in the stripes before
        areas = [np.zeros(1, np.int64)]
        pairs: list[NDArray[np.intp]] = []
        lines: list[NDArray[np.intp]] = []
        below = np.zeros(width, np.intp)
        for i in range(len(self._stripes)):
            labels = self._labels(i)
            areas.append(np.bincount(labels.ravel(), minlength=1)[1:])
            top, bottom, left, right = (
                np.where(line > 0, line + self._before[i], 0).astype(np.intp)
                for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1])
            )
            pairs.append(_touching(below, top, corners=on))
            lines += [left, right] if i else [left, right, top]
            below = bottom
            self._before.append(self._before[-1] + len(areas[-1]))
        one, other = np.concatenate(pairs, axis=1)
        size = self._before[-1] + 1
        links = sparse.coo_array((np.ones(len(one), bool), (one, other)), (size, size))
        # the background is node 0, which nothing is linked to: it comes first
        found, self._region = csgraph.connected_components(links, directed=False)
        self.areas = np.zeros(found, np.int64)
        np.add.at(self.areas, self._region, np.concatenate(areas))
        self.bordering = np.unique(self._region[np.concatenate([*lines, below])])

    def _labels(self, i: int) -> NDArray[np.int32]:
        """Label one stripe by itself; the last result is cached."""
        if self._newest is None or self._newest[0] != i:
            self._newest = None
            stripe = self._mask[self._stripes[i]]
            labels, _ = ndimage.label(stripe == self._on, self._structure)
            self._newest = i, labels
        return self._newest[1]

    def _of_stripe(self, i: int) -> NDArray[np.int32]:
        """Return the component of each label of a stripe."""
        first, last = self._before[i] + 1, self._before[i + 1] + 1
        regions: NDArray[np.int32] = np.append(0, self._region[first:last])
        return regions

    def chosen(
        self, wanted: NDArray[np.bool_]
    ) -> Iterator[tuple[slice, NDArray[np.bool_]]]:
        """Yield slices of rows with the pixels that belong to wanted components."""
        for i, rows in enumerate(self._stripes):
            yield rows, wanted[self._of_stripe(i)][self._labels(i)]

    def at(self, points: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the components at (n, 2) points (y, x), clipped to the mask."""
        last = np.array(self._mask.shape) - 1
        inside = np.clip(np.rint(points).astype(np.intp), 0, last)
        step = self._stripes[0].stop
        found = np.zeros(len(points), np.intp)
        for i in np.unique(inside[:, 0] // step).tolist():
            here = inside[:, 0] // step == i
            rows, cols = inside[here].T
            found[here] = self._of_stripe(i)[self._labels(i)[rows - i * step, cols]]
        return found


def _touching(
    above: NDArray[np.int64], below: NDArray[np.int64], *, corners: bool
) -> NDArray[np.int64]:
    """Return the pairs (2, n) of labels that touch across two adjacent rows."""
    pairs = [(above, below)]
    if corners:
        pairs += [(above[1:], below[:-1]), (above[:-1], below[1:])]
    met = np.concatenate([np.stack(pair) for pair in pairs], axis=1)
    return np.unique(met[:, (met > 0).all(0)], axis=1)
