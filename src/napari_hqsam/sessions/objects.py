"""The objects of a session: where they are, what they were made from.

Computed from the events alone (event sourcing), so the table is the same for a live
session and for one read from a journal.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_hqsam.geometry import Plane
from napari_hqsam.geometry.boxes import around
from napari_hqsam.sessions.journal.events import Accept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from napari_hqsam.geometry import Box
    from napari_hqsam.sessions.changes.patches import Patch
    from napari_hqsam.sessions.journal.events import Event
    from napari_hqsam.sessions.journal.headers import LabelsRecord

Made = dict[Plane, tuple[Accept, ...]]
"""The masks that make up an object, by their planes."""
Derived = dict[Plane, float | None]
"""The planes on which an object was derived, see `ObjectTable`."""
Index = tuple[int, ...]
Counts = tuple[tuple["Counter[int]", "Counter[int]"], ...]
"""For each patch of an event, the pixels that each id gains, and loses."""


class ObjectTable:
    """The objects that result from the events so far.

    Objects that were in the labels before the session are called preexisting; their
    positions and sizes are unknown.

    Attributes
    ----------
    made : dict of int to dict
        By label id: the accepted masks that it was made from, by plane, in order.
        Empty for objects made otherwise (brush, split, preexisting).
    pixels : Counter
        By label id: its number of pixels in the labels; for preexisting objects
        the change since the session began.
    derived : dict of int to dict
        By label id: the planes on which it was derived (propagated from others, or
        found automatically), with its confidence there. None: changed by hand since.
    highest : int
        The highest id so far.

    Parameters
    ----------
    labels : LabelsRecord
        The labels that the session began with.
    """

    def __init__(self, labels: LabelsRecord) -> None:
        self.labels = labels
        self.made: dict[int, Made] = {}
        self.derived: dict[int, Derived] = {}
        self.pixels: Counter[int] = Counter()
        self.highest = labels.highest
        self._places: dict[int, dict[Index, Box]] = {}
        self._preexisting: dict[Plane, Mapping[int, Box]] = {}

    @property
    def ids(self) -> list[int]:
        """Ids of objects with pixels, and preexisting ones with a mask, ascending."""
        made = {i for i, made in self.made.items() if made and self.was_preexisting(i)}
        full = {
            i for i, n in self.pixels.items() if n > 0 and not self.was_preexisting(i)
        }
        return sorted(made | full)

    def was_preexisting(self, label_id: int) -> bool:
        """Whether an object may have been in the labels before the session."""
        return 1 <= label_id <= self.labels.highest

    def knows(self, label_id: int) -> bool:
        """Whether an object exists, or may exist."""
        return self.was_preexisting(label_id) or self.pixels[label_id] > 0

    def places(self, label_id: int) -> list[tuple[Plane, Box]]:
        """Return boxes, in (y, x) planes of the labels, that hold all of an object."""
        shape = self.labels.shape
        places: Iterable[tuple[Index, Box]] = self._places_of(label_id)
        if self.was_preexisting(label_id):
            whole = (0, 0, shape[-2], shape[-1])
            places = ((index, whole) for index in np.ndindex(shape[:-2]))
        return [(Plane.of(shape, index), box) for index, box in places]

    def _places_of(self, label_id: int) -> list[tuple[Index, Box]]:
        """Return a copy: other threads may read while an event is added."""
        return list(self._places.get(label_id, {}).items())

    def box_on(self, label_id: int, plane: Plane) -> Box:
        """Return a box that holds all of an object on a plane, of any orientation."""
        found: Box = (0, 0, 0, 0)
        if self.was_preexisting(label_id):
            if plane not in self._preexisting:
                return 0, 0, *plane.size(self.labels.shape)
            found = self._preexisting[plane].get(label_id, found)
        for index, (y0, x0, y1, x1) in self._places_of(label_id):
            spans = [(i, i + 1) for i in index] + [(y0, y1), (x0, x1)]
            across = [s for a, s in enumerate(spans) if a not in plane.axes]
            if all(a <= i < b for i, (a, b) in zip(plane.index, across, strict=True)):
                (top, bottom), (left, right) = (spans[a] for a in plane.axes)
                found = around(found, (top, left, bottom, right))
        return found

    def set_preexisting_boxes(self, plane: Plane, boxes: Mapping[int, Box]) -> None:
        """Set where the preexisting objects lie on a plane.

        Parameters
        ----------
        plane : Plane
        boxes : mapping of int to tuple
            By label id: a box that holds the object as it is there now.
        """
        self._preexisting[plane] = boxes

    def add(self, event: Event, counts: Counts | None = None) -> Entry:
        """Add an event; known `counts` save counting its pixels again."""
        if counts is None:
            counts = tuple(patch.counts() for patch in event.patches)
        entry = Entry(event, self.highest, counts)
        for label_id, made in self._new_made(event).items():
            entry.made_before[label_id] = self.made.get(label_id, {})
            self.made[label_id] = made
        for label_id, derived in self._new_derived(event).items():
            entry.derived_before[label_id] = self.derived.get(label_id, {})
            self.derived[label_id] = derived
        for patch, (gained, lost) in zip(event.patches, counts, strict=True):
            self.pixels.update(gained)
            self.pixels.subtract(lost)
            # pixels that a preexisting object loses may come back by undo
            self._extend(patch, [*gained, *filter(self.was_preexisting, lost)])
            self.highest = max(self.highest, *gained, *lost)
        return entry

    def remove(self, entry: Entry) -> None:
        """Remove the event that was added last."""
        self.made.update(entry.made_before)
        self.derived.update(entry.derived_before)
        for gained, lost in entry.counts:
            self.pixels.subtract(gained)
            self.pixels.update(lost)
        self.highest = entry.highest_before

    def _new_made(self, event: Event) -> dict[int, Made]:
        """Return the new `made` of the objects that an event changes."""
        if isinstance(event, Accept):
            made = self.made.get(event.label_id, {})
            there = () if event.replaces else made.get(event.plane, ())
            return {event.label_id: {**made, event.plane: (*there, event)}}
        if event.kind == "delete":
            made = self.made.get(event.ids[0], {})
            if event.plane is None:
                return {event.ids[0]: {}}
            return {event.ids[0]: {p: m for p, m in made.items() if p != event.plane}}
        if event.kind == "merge":
            together: Made = {}
            for label_id in event.ids:
                for plane, masks in self.made.get(label_id, {}).items():
                    together[plane] = (*together.get(plane, ()), *masks)
            return {event.ids[0]: together, **{i: {} for i in event.ids[1:]}}
        return {}

    def _new_derived(self, event: Event) -> dict[int, Derived]:
        """Return the new `derived` of the objects that an event changes."""
        if isinstance(event, Accept):
            return self._by_hand([event.label_id], [event.plane])
        first = event.ids[0] if event.ids else 0
        there = self.derived.get(first, {})
        if event.kind == "derive" and event.plane is not None:
            if event.confidence is not None:
                return {first: {**there, event.plane: event.confidence}}
            return {first: {p: c for p, c in there.items() if p != event.plane}}
        if event.kind == "merge":
            together: Derived = {}
            for label_id in reversed(event.ids):
                together |= self.derived.get(label_id, {})
            return {first: together, **{i: {} for i in event.ids[1:]}}
        if event.kind == "brush":
            changed: dict[int, Derived] = {}
            for patch in event.patches:
                gained, lost = patch.counts()
                for label_id in (gained.keys() | lost.keys()) & self.derived.keys():
                    there = changed.get(label_id, self.derived[label_id])
                    touched = [p for p in there if patch.meets(p)]
                    changed[label_id] = {**there, **dict.fromkeys(touched)}
            return changed
        if event.plane is None:  # deleted everywhere
            return {first: {}}
        return self._by_hand(event.ids[:1], [event.plane])

    def _by_hand(
        self, label_ids: Iterable[int], planes: Iterable[Plane]
    ) -> dict[int, Derived]:
        """Return the new `derived` of objects that were changed by hand on planes."""
        return {
            i: {**there, **dict.fromkeys(planes)}
            for i in label_ids
            if (there := self.derived.get(i))
        }

    def _extend(self, patch: Patch, ids: Iterable[int]) -> None:
        """Enlarge the boxes of ids that a patch gives pixels to, or takes from.

        They never shrink: an undone change may be redone.
        """
        for index, box in _along_last(patch.plane, patch.bbox):
            for label_id in ids:
                places = self._places.setdefault(label_id, {})
                places[index] = around(places.get(index, box), box)


@dataclass
class Entry:
    """An event that was added, with the state that removing it restores."""

    event: Event
    highest_before: int
    counts: Counts
    made_before: dict[int, Made] = field(default_factory=dict)
    derived_before: dict[int, Derived] = field(default_factory=dict)


def _along_last(plane: Plane, box: Box) -> Iterator[tuple[Index, Box]]:
    """Yield a box of any plane as boxes in (y, x) planes of the labels."""
    *leading, rows, cols = (
        range(part.start, part.stop)
        if isinstance(part, slice)
        else range(part, part + 1)
        for part in plane.key(box)
    )
    flat = rows.start, cols.start, rows.stop, cols.stop
    indices: list[Index] = [()]
    for numbers in leading:
        indices = [(*index, i) for index in indices for i in numbers]
    return ((index, flat) for index in indices)
