"""Objects of one plane followed into the next: ids that go on, splits, merges.

Pure geometry on masks or label planes. Must not know images, networks, files or
napari. Planes come one by one; of those before, only the last sight of each object
is kept, as a crop.
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
from napari_hqsam.masks.algebra import intersection, meeting
from napari_hqsam.masks.mask import Mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

MIN_OVERLAP = 0.25
"""IoU from which an object of the next plane may be the same."""
INSIDE = 0.6
"""Share of the smaller object's area inside the larger from which it may be the same
although the IoU is low, and from which it counts as a part in a split or a merge."""


@dataclass(frozen=True)
class Links:
    """How the objects of a plane come from those of the plane before.

    Attributes
    ----------
    continues : dict of int to int
        Object of the plane -> the one before that it continues; one to one.
    splits : dict of int to list of int
        New object -> the one before that it broke off from.
    merges : dict of int to list of int
        Object of the plane -> those before that end in it.
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
    the larger by `INSIDE` of its area. Of all one-to-one matchings, the one with
    the highest sum of IoU is taken (Hungarian method). What is left over and lies
    in an object of the other plane by `INSIDE` broke off from it, or ends in it.

    Parameters
    ----------
    previous, current : mapping of int to Mask, sequence of Mask, or (h, w) ints
        Objects; a sequence is numbered from 1.
    min_overlap : float
        Above 0, at most 1.

    Raises
    ------
    ImageError
        The overlap is out of range, or labels are no plane of integers.
    """
    check_overlap(min_overlap)
    before, now = masks_of(previous), masks_of(current)
    pairs = list(_overlaps(before, now))
    continues = _assigned([p for p in pairs if p.may_match(min_overlap)])
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
    """Raise ImageError unless it is an IoU that two objects can have."""
    if not 0 < min_overlap <= 1:
        raise ImageError(
            f"overlap {min_overlap} must be above 0 and at most 1, such as "
            f"{MIN_OVERLAP}"
        )


def masks_of(
    objects: Mapping[int, Mask] | Sequence[Mask] | NDArray[Any],
) -> dict[int, Mask]:
    """Objects by id; empty masks are left out.

    Parameters
    ----------
    objects
        As for `link_planes`. Of a label plane each id other than 0 is an object.

    Raises
    ------
    ImageError
        Labels are not integers, or no plane.
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


class Pair(NamedTuple):
    """Two objects that share pixels."""

    before: int
    now: int
    iou: float
    of_before: float
    of_now: float

    def may_match(self, min_overlap: float) -> bool:
        """Whether both may be the same object."""
        inside = max(self.of_before, self.of_now)
        return self.iou >= min_overlap or inside >= INSIDE


def _overlaps(before: dict[int, Mask], now: dict[int, Mask]) -> Iterator[Pair]:
    """Yield all pairs of objects that share pixels."""
    ids, masks = [list(before), list(now)], [list(before.values()), list(now.values())]
    areas = [[mask.area for mask in some] for some in masks]
    for i, j in meeting(*masks):
        shared = intersection(masks[0][i], masks[1][j])
        if shared:
            a, b = areas[0][i], areas[1][j]
            union = a + b - shared
            yield Pair(ids[0][i], ids[1][j], shared / union, shared / a, shared / b)


def _assigned(pairs: Sequence[Pair]) -> dict[int, int]:
    """One-to-one matching (now -> before) with the highest sum of IoU.

    Objects that no chain of overlaps joins are matched apart: the matrices stay
    small however many objects there are.
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
    together: dict[int, list[Pair]] = defaultdict(list)
    for pair, row in zip(pairs, rows, strict=True):
        together[int(group[row])].append(pair)
    found: dict[int, int] = {}
    for some in together.values():
        found |= _best(some)
    return found


def _best(pairs: Sequence[Pair]) -> dict[int, int]:
    """Hungarian matching of a few objects."""
    befores = sorted({p.before for p in pairs})
    nows = sorted({p.now for p in pairs})
    gain = np.zeros((len(befores), len(nows)))
    for p in pairs:
        gain[befores.index(p.before), nows.index(p.now)] = p.iou
    chosen = linear_sum_assignment(gain, maximize=True)
    return {nows[j]: befores[i] for i, j in zip(*chosen, strict=True) if gain[i, j] > 0}


# --- plane after plane ------------------------------------------------------


@dataclass(frozen=True)
class Sight:
    """An object on one plane of a sequence.

    Attributes
    ----------
    object_id : int
        Its id, the same on all planes.
    plane : int
        Number of the plane in the sequence.
    centre : (y, x)
        Mean of its pixels.
    area : int
        Pixels.
    parents : tuple of int
        Objects it broke off from, or that end in it.
    """

    object_id: int
    plane: int
    centre: tuple[float, float]
    area: int
    parents: tuple[int, ...] = ()


@dataclass
class Linker:
    """Gives the objects of planes that come one by one ids that go on.

    Parameters
    ----------
    min_overlap : float
        See `link_planes`.
    max_gap : int
        Planes an object may be missing from and still be the same.
    next_id : int
        First id to give to a new object.

    Attributes
    ----------
    graph : dict of int to list of int
        Object -> those that it broke off from, or that ended in it.
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
            raise ImageError(f"a gap of {self.max_gap} planes is none; give 0 or more")

    def add(
        self, objects: Mapping[int, Mask] | Sequence[Mask] | NDArray[Any]
    ) -> dict[int, Sight]:
        """Take the next plane.

        Parameters
        ----------
        objects
            As for `link_planes`.

        Returns
        -------
        dict of int to Sight
            The id that each object had on its plane -> what it is.
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
        sights = {
            i: Sight(names[i], self._plane, centre(mask), mask.area, parents[i])
            for i, mask in masks.items()
        }
        self.see({names[i]: mask for i, mask in masks.items()}, sights.values())
        return sights

    def see(self, masks: Mapping[int, Mask], sights: Iterable[Sight]) -> None:
        """Take a plane whose objects have their ids already: to go on from there.

        Parameters
        ----------
        masks : mapping of int to Mask
            Objects of the plane by their ids; only those of the last `max_gap` + 1
            planes are looked at again, of others none need be given.
        sights : iterable of Sight
            What `add` said of this plane.
        """
        ended: set[int] = set()
        beyond = self.next_id
        for sight in sights:
            if sight.parents:
                known = self.graph.setdefault(sight.object_id, [])
                known.extend(p for p in sight.parents if p not in known)
            if sight.object_id < beyond:  # not new: its parents ended in it
                ended.update(sight.parents)
            self.next_id = max(self.next_id, sight.object_id + 1)
        self._last |= {i: (self._plane, mask) for i, mask in masks.items()}
        self._last = {
            i: seen
            for i, seen in self._last.items()
            if seen[0] >= self._plane - self.max_gap and i not in ended
        }
        self._plane += 1

    def relabel(self, labels: NDArray[Any]) -> NDArray[np.int64]:
        """Take the next plane as labels; return them with the ids that go on.

        Parameters
        ----------
        labels : ndarray
            (h, w) integers.
        """
        sights = self.add(labels)
        ids, ranks = np.unique(labels, return_inverse=True)
        names = [sights[i].object_id if i else 0 for i in ids.tolist()]
        return np.array(names, np.int64)[ranks].reshape(labels.shape)


def centre(mask: Mask) -> tuple[float, float]:
    """Mean (y, x) of the pixels of a mask, plane pixels."""
    y, x = (float(np.mean(where)) for where in np.nonzero(mask.data))
    return mask.bbox[0] + y, mask.bbox[1] + x
