"""From masks of cells to the objects of a plane, and from planes to a stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from napari_hqsam.jobs.blocks.matching import DUPLICATES, SAME
from napari_hqsam.masks.linking import OverlappingPair, best_matching

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PlaneObjects:
    """The objects of a plane, by the number of each mask.

    Masks are numbered through the cells of the plane, row by row.

    Attributes
    ----------
    ids : (n,) int64 array
        Object of each mask, from 1 without gaps; 0 where it is left out.
    qualities : (n,) float64 array
        Quality of each object; a pixel of several belongs to the best, of equal ones
        to the lowest id.
    """

    ids: NDArray[np.int64]
    qualities: NDArray[np.float64]


def resolve_plane(
    qualities: NDArray[np.float64], matches: NDArray[np.int64]
) -> PlaneObjects:
    """Merge matched masks, and suppress duplicates of better objects.

    The union of masks that match, directly or through others, is one object (connected
    components). Duplicates are suppressed greedily, the best object first (non-maximum
    suppression).

    Parameters
    ----------
    qualities : (n,) float64 array
        Quality of each mask.
    matches : (m, 3) int64 array
        Numbers of two masks, and `SAME` or `DUPLICATES`.
    """
    count = len(qualities)
    same, duplicates = (
        matches[matches[:, 2] == kind, :2] for kind in (SAME, DUPLICATES)
    )
    graph = sparse.coo_array(
        (np.ones(len(same), bool), (same[:, 0], same[:, 1])), shape=(count, count)
    )
    groups, group = connected_components(graph, directed=False)
    first = np.full(groups, count)
    np.minimum.at(first, group, np.arange(count))
    best = np.zeros(groups)
    np.maximum.at(best, group, qualities)
    rank = np.empty(groups, np.int64)
    rank[np.lexsort((first, -best))] = np.arange(groups)
    kept = np.ones(groups, bool)
    pairs = np.unique(np.sort(rank[group[duplicates]], axis=1), axis=0)
    order = np.argsort(rank)
    for better, worse in pairs[np.argsort(pairs[:, 1], kind="stable")].tolist():
        if better != worse and kept[order[better]]:
            kept[order[worse]] = False
    by_first = np.argsort(first)
    ids = np.zeros(groups, np.int64)
    ids[by_first] = np.where(kept[by_first], np.cumsum(kept[by_first]), 0)
    return PlaneObjects(ids[group], best[group])


def link_objects(
    before: NDArray[np.int64],
    areas_before: NDArray[np.int64],
    areas: NDArray[np.int64],
    shared: NDArray[np.int64],
    next_id: int,
    min_overlap: float,
) -> tuple[NDArray[np.int64], int]:
    """Give the objects of a plane the ids of those that they continue, or new ones.

    Parameters
    ----------
    before : (n + 1,) int64 array
        Final ids of the objects 0..n of the plane before.
    areas_before, areas : (n + 1,) and (m + 1,) int64 array
        Pixels of the objects of both planes; one without is no object.
    shared : (k, 3) int64 array
        Object of the plane before, object of this one, pixels in common.
    next_id : int
        First new id.
    min_overlap : float
        As of `masks.link_planes`.

    Returns
    -------
    ids : (m + 1,) int64 array
    next_id : int
    """
    pairs = []
    for a, b, pixels in shared.tolist():
        union = int(areas_before[a] + areas[b]) - pixels
        pair = OverlappingPair(
            a, b, pixels / union, pixels / int(areas_before[a]), pixels / int(areas[b])
        )
        if pair.may_match(min_overlap):
            pairs.append(pair)
    continues = best_matching(pairs)
    ids = np.zeros(len(areas), np.int64)
    for number in (np.flatnonzero(areas[1:]) + 1).tolist():
        if number in continues:
            ids[number] = before[continues[number]]
        else:
            ids[number] = next_id
            next_id += 1
    return ids, next_id
