"""Link the objects of consecutive planes: ids, splits and merges.

Tracking by overlap: maximum-weight bipartite matching of the IoU. Pure geometry on
masks or label planes; must not know images, networks, files or napari. Planes are added
one by one; only the last mask of each object is in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage, sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components

from napari_hqsam.errors import ImageError
from napari_hqsam.masks.algebra import intersection, overlapping_boxes
from napari_hqsam.masks.mask import Mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

MIN_OVERLAP = 0.25
"""Least IoU of an object with the same object on the next plane."""
INSIDE = 0.6
"""Fraction of the smaller object inside the larger one from which both may be the same
although the IoU is low, and from which it is part of a split or merge."""


@dataclass(frozen=True)
class Links:
    """Links between the objects of a plane and those of the previous plane.

    Attributes
    ----------
    continues : dict of int to int
        Object of the plane -> the same object on the previous one; one to one.
    splits : dict of int to list of int
        New object -> the previous object that it split from.
    merges : dict of int to list of int
        Object of the plane -> previous objects that merged into it.
    """

    continues: dict[int, int]
    splits: dict[int, list[int]]
    merges: dict[int, list[int]]


def link_planes(
    previous: Mapping[int, Mask] | Sequence[Mask] | NDArray[Any],
    current: Mapping[int, Mask] | Sequence[Mask] | NDArray[Any],
    min_overlap: float = MIN_OVERLAP,
) -> Links:
    """Match the objects of two planes by overlap.

    A pair may match if its IoU is at least `min_overlap`, or if the smaller lies in
    the larger by `INSIDE` of its area. The one-to-one matching with the highest sum of
    IoU is chosen (Hungarian method). Unmatched objects that lie in one of the other
    plane by `INSIDE` have split from it, or merge into it.

    Parameters
    ----------
    previous, current : mapping of int to Mask, sequence of Mask, or (h, w) ints
        Objects; a sequence is numbered from 1.
    min_overlap : float
        Above 0, at most 1.

    Raises
    ------
    ImageError
        The overlap is out of range, or labels are not a plane of integers.
    """
    check_overlap(min_overlap)
    before, now = masks_of(previous), masks_of(current)
    pairs = list(overlapping_pairs(before, now))
    continues = best_matching([p for p in pairs if p.may_match(min_overlap)])
    ended = before.keys() - set(continues.values())
    splits: dict[int, list[int]] = defaultdict(list)
    merges: dict[int, list[int]] = defaultdict(list)
    for pair in pairs:
        if pair.now not in continues and pair.of_now >= INSIDE:
            splits[pair.now].append(pair.before)
        elif pair.before in ended and pair.of_before >= INSIDE:
            merges[pair.now].append(pair.before)
    return Links(continues, dict(splits), dict(merges))


def check_overlap(min_overlap: float) -> None:
    """Raise ImageError unless a least overlap is above 0 and at most 1."""
    if not 0 < min_overlap <= 1:
        raise ImageError(
            f"overlap {min_overlap} must be above 0 and at most 1, such as "
            f"{MIN_OVERLAP}"
        )


def masks_of(
    objects: Mapping[int, Mask] | Sequence[Mask] | NDArray[Any],
) -> dict[int, Mask]:
    """Return objects as masks by id, without empty ones.

    Parameters
    ----------
    objects
        As for `link_planes`. In a label plane each id other than 0 is an object.

    Raises
    ------
    ImageError
        Labels are not a plane of integers.
    """
    if isinstance(objects, np.ndarray):
        return _masks_of_labels(objects)
    named = objects if isinstance(objects, Mapping) else dict(enumerate(objects, 1))
    return {i: mask for i, mask in named.items() if mask.data.any()}


def _masks_of_labels(labels: NDArray[Any]) -> dict[int, Mask]:
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ImageError(
            f"labels of {labels.dtype} and shape {labels.shape} are no plane of "
            "integers; link plane by plane"
        )
    ids, ranks = np.unique(labels, return_inverse=True)
    ranks = ranks.reshape(labels.shape) + (0 if 0 in ids else 1)
    names = ids[ids != 0].tolist()
    masks = {}
    for rank, (name, place) in enumerate(
        zip(names, ndimage.find_objects(ranks), strict=True), 1
    ):
        y, x = place
        masks[name] = Mask(
            (y.start, x.start, y.stop, x.stop), ranks[place] == rank, 1.0, 1.0
        )
    return masks


# --- overlap ----------------------------------------------------------------


class OverlappingPair(NamedTuple):
    """Two overlapping objects."""

    before: int
    now: int
    iou: float
    of_before: float
    of_now: float

    def may_match(self, min_overlap: float) -> bool:
        """Whether both may be the same object."""
        inside = max(self.of_before, self.of_now)
        return self.iou >= min_overlap or inside >= INSIDE


def overlapping_pairs(
    before: dict[int, Mask], now: dict[int, Mask]
) -> Iterator[OverlappingPair]:
    """Yield all pairs of overlapping objects."""
    ids, masks = [list(before), list(now)], [list(before.values()), list(now.values())]
    areas = [[mask.area for mask in some] for some in masks]
    for i, j in overlapping_boxes(*masks):
        shared = intersection(masks[0][i], masks[1][j])
        if shared:
            a, b = areas[0][i], areas[1][j]
            union = a + b - shared
            yield OverlappingPair(
                ids[0][i], ids[1][j], shared / union, shared / a, shared / b
            )


def best_matching(pairs: Sequence[OverlappingPair]) -> dict[int, int]:
    """Return the one-to-one matching (now -> before) with the highest sum of IoU.

    Solved per connected component of the overlap graph, so that the cost matrices
    stay small however many objects there are.
    """
    befores = {b: n for n, b in enumerate(dict.fromkeys(p.before for p in pairs))}
    nows = {b: n for n, b in enumerate(dict.fromkeys(p.now for p in pairs))}
    size = len(befores) + len(nows)
    rows = [befores[p.before] for p in pairs]
    cols = [len(befores) + nows[p.now] for p in pairs]
    graph = sparse.csr_array((np.ones(len(pairs)), (rows, cols)), shape=(size, size))
    if not pairs:
        return {}
    _, group = connected_components(graph, directed=False)
    together: dict[int, list[OverlappingPair]] = defaultdict(list)
    for pair, row in zip(pairs, rows, strict=True):
        together[int(group[row])].append(pair)
    found: dict[int, int] = {}
    for some in together.values():
        found |= _best(some)
    return found


def _best(pairs: Sequence[OverlappingPair]) -> dict[int, int]:
    """Match the objects of one component with the Hungarian method."""
    befores = sorted({p.before for p in pairs})
    nows = sorted({p.now for p in pairs})
    gain = np.zeros((len(befores), len(nows)))
    for p in pairs:
        gain[befores.index(p.before), nows.index(p.now)] = p.iou
    chosen = linear_sum_assignment(gain, maximize=True)
    return {nows[j]: befores[i] for i, j in zip(*chosen, strict=True) if gain[i, j] > 0}


# --- plane after plane ------------------------------------------------------


@dataclass(frozen=True)
class LinkedObject:
    """An object on one plane of a sequence.

    Attributes
    ----------
    object_id : int
        Its id, the same on all planes.
    plane : int
        Number of the plane in the sequence.
    centre : (y, x)
        Centroid, plane pixels.
    area : int
        Pixels.
    parents : tuple of int
        Objects that it split from, or that merged into it.
    """

    object_id: int
    plane: int
    centre: tuple[float, float]
    area: int
    parents: tuple[int, ...] = ()


@dataclass
class Linker:
    """Links the objects of planes that are added one by one.

    Parameters
    ----------
    min_overlap : float
        See `link_planes`.
    max_gap : int
        Most consecutive planes from which an object may be missing.
    next_id : int
        First id to give to a new object.

    Attributes
    ----------
    graph : dict of int to list of int
        Object -> those that it split from, or that merged into it.
    """

    min_overlap: float = MIN_OVERLAP
    max_gap: int = 0
    next_id: int = 1
    graph: dict[int, list[int]] = field(default_factory=dict)
    _last: dict[int, tuple[int, Mask]] = field(
        default_factory=dict, init=False, repr=False
    )
    _plane: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        check_overlap(self.min_overlap)
        if self.max_gap < 0:
            raise ImageError(
                f"a gap of {self.max_gap} planes is negative; give 0 or more"
            )

    def add(
        self, objects: Mapping[int, Mask] | Sequence[Mask] | NDArray[Any]
    ) -> dict[int, LinkedObject]:
        """Link the objects of the next plane.

        Parameters
        ----------
        objects
            As for `link_planes`.

        Returns
        -------
        dict of int to LinkedObject
            By the id of each object on its plane: the linked object.
        """
        masks = masks_of(objects)
        links = link_planes(
            {i: mask for i, (_, mask) in self._last.items()}, masks, self.min_overlap
        )
        fresh = count(self.next_id)
        names = {i: links.continues.get(i) or next(fresh) for i in masks}
        parents = {
            i: tuple(links.splits.get(i, [])) + tuple(links.merges.get(i, []))
            for i in masks
        }
        linked = {
            i: LinkedObject(names[i], self._plane, centre(mask), mask.area, parents[i])
            for i, mask in masks.items()
        }
        self.add_linked({names[i]: mask for i, mask in masks.items()}, linked.values())
        return linked

    def add_linked(
        self, masks: Mapping[int, Mask], linked: Iterable[LinkedObject]
    ) -> None:
        """Add a plane whose objects are linked already, to resume a sequence.

        Parameters
        ----------
        masks : mapping of int to Mask
            Objects of the plane by their linked ids; only needed for the last
            `max_gap` + 1 planes.
        linked : iterable of LinkedObject
            What `add` returned for this plane.
        """
        ended: set[int] = set()
        beyond = self.next_id
        for one in linked:
            if one.parents:
                known = self.graph.setdefault(one.object_id, [])
                known.extend(p for p in one.parents if p not in known)
            if one.object_id < beyond:  # not new: its parents ended in it
                ended.update(one.parents)
            self.next_id = max(self.next_id, one.object_id + 1)
        self._last |= {i: (self._plane, mask) for i, mask in masks.items()}
        self._last = {
            i: seen
            for i, seen in self._last.items()
            if seen[0] >= self._plane - self.max_gap and i not in ended
        }
        self._plane += 1

    def relabel(self, labels: NDArray[Any]) -> NDArray[np.int64]:
        """Link the next plane, given as labels; return it with the linked ids.

        Parameters
        ----------
        labels : ndarray
            (h, w) integers.
        """
        linked = self.add(labels)
        ids, ranks = np.unique(labels, return_inverse=True)
        names = [linked[i].object_id if i else 0 for i in ids.tolist()]
        return np.array(names, np.int64)[ranks].reshape(labels.shape)


def centre(mask: Mask) -> tuple[float, float]:
    """Return the centroid (y, x) of a mask, plane pixels."""
    y, x = (float(np.mean(where)) for where in np.nonzero(mask.data))
    return mask.bbox[0] + y, mask.bbox[1] + x
