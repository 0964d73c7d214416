"""Convert linked objects to tracks: the table and graph of a napari Tracks layer.

Knows detections of objects; must not know masks, files or napari.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from napari_hqsam.masks.linking import LinkedObject


@dataclass(frozen=True, eq=False)
class Tracks:
    """Tracks of objects through the planes of a sequence.

    Attributes
    ----------
    table : ndarray
        (n, 3 + k) float64: track id, the k leading coordinates of the plane (t, or
        z, or t and z), y, x; sorted by track, then by plane. ``data`` of a napari
        Tracks layer.
    graph : dict of int to list of int
        Track -> its parent tracks; ``graph`` of a napari Tracks layer.
    objects : ndarray
        (n,) int64 object (label) of each row.
    """

    table: NDArray[np.float64]
    graph: dict[int, list[int]]
    objects: NDArray[np.int64]


def tracks_of(
    linked: Iterable[LinkedObject],
    where: Callable[[int], tuple[float, ...]] = lambda plane: (plane,),
) -> Tracks:
    """Make tracks from the detections of a `Linker`.

    A track has the id of its object. Where an object splits, or others merge into
    it, its track ends and a new one begins, with an id above those of all objects: the
    graph of a Tracks layer connects the end of one track with the start of another.

    Parameters
    ----------
    linked : iterable of LinkedObject
        Linked objects of all planes, in any order.
    where : callable
        Leading coordinates of the plane of a number; by default the number.
    """
    seen: dict[int, list[LinkedObject]] = defaultdict(list)
    for one in sorted(linked, key=lambda s: (s.object_id, s.plane)):
        seen[one.object_id].append(one)
    starts = _starts(seen)
    fresh = max(seen, default=0)
    names: dict[tuple[int, int], int] = {}
    for object_id, planes in starts.items():
        for rank, plane in enumerate(planes):
            fresh += rank > 0
            names[object_id, plane] = fresh if rank else object_id

    def track(object_id: int, before: int) -> list[int]:
        """Return the track of an object on the last plane before another."""
        earlier = [p for p in starts.get(object_id, ()) if p < before]
        return [names[object_id, earlier[-1]]] if earlier else []

    graph: dict[int, list[int]] = {}
    rows: list[tuple[float, ...]] = []
    for object_id, own in seen.items():
        for one in own:
            if one.plane in starts[object_id]:
                current = names[object_id, one.plane]
                sources = (object_id, *one.parents)
                parents = [t for s in sources for t in track(s, one.plane)]
                if parents:
                    graph[current] = parents
            rows.append((current, *where(one.plane), *one.centre, object_id))
    rows.sort()
    width = len(rows[0]) if rows else len(where(0)) + 4
    table = np.array(rows, np.float64).reshape(len(rows), width)
    return Tracks(table[:, :-1], graph, table[:, -1].astype(np.int64))


def _starts(seen: dict[int, list[LinkedObject]]) -> dict[int, list[int]]:
    """Return the planes at which the tracks of each object begin."""
    starts = {i: {own[0].plane} for i, own in seen.items()}
    for object_id, own in seen.items():
        for one in own:
            if not one.parents:
                continue
            starts[object_id].add(one.plane)
            for parent in one.parents:
                later = [s.plane for s in seen.get(parent, ()) if s.plane >= one.plane]
                starts.get(parent, set()).update(later[:1])
    return {i: sorted(planes) for i, planes in starts.items()}
