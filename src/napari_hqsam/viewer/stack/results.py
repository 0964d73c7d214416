"""What is known of objects on slices: how sure they are, what they came from."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from napari_hqsam.viewer.stack.state import Cell, StackState

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_hqsam.viewer.session.controller import Labelling
    from napari_hqsam.viewer.stack.stack_axis import Walk


class Worst(NamedTuple):
    """Where an object is least sure."""

    sure: float
    z: int
    label_id: int


class Results:
    """What the session knows of objects on slices.

    Parameters
    ----------
    labelling : Labelling
    state : StackState
    """

    def __init__(self, labelling: Labelling, state: StackState) -> None:
        self._labelling, self._state = labelling, state
        self._followed: dict[int, tuple[Walk, frozenset[int]]] = {}

    def objects(self) -> list[int]:
        """Ids of the objects that were derived on some slice, ascending."""
        session = self._labelling.session
        if session is None:
            return []
        derived = session.table.derived
        return sorted(i for i, planes in derived.items() if planes)

    def shown_object(self) -> int | None:
        """Object of the strip, if there still is one."""
        session, label_id = self._labelling.session, self._state.object_id
        known = session is not None and bool(session.table.derived.get(label_id or 0))
        return label_id if known else None

    def cells(self, walk: Walk, label_id: int | None = None) -> list[Cell]:
        """Tell what is known of an object, for each slice that has it.

        By default of the one shown. Slices between those it was followed to, on
        which it was not found, are not sure at all.
        """
        session = self._labelling.session
        label_id = self.shown_object() if label_id is None else label_id
        if session is None or label_id is None:
            return []
        table, cells = session.table, {}
        for plane in table.made.get(label_id, {}):
            if (z := walk.slice_of(plane)) is not None:
                cells[z] = Cell(z, None)
        for plane, sure in table.derived.get(label_id, {}).items():
            if (z := walk.slice_of(plane)) is not None:
                parts = self._state.parts.get((label_id, plane))
                cells[z] = Cell(z, sure, None if sure is None else parts)
        for a, b in pairwise(sorted(cells)):
            if cells[a].sure is not None and cells[b].sure is not None:
                cells |= {z: Cell(z, 0.0) for z in range(a + 1, b)}
        return [cells[z] for z in sorted(cells)]

    def worst_of(self, label_ids: Collection[int], walk: Walk) -> Worst | None:
        """Return the object and slice that is least sure; None if all are prompted."""
        found = [
            Worst(cell.sure, cell.z, i)
            for i in label_ids
            for cell in self.cells(walk, i)
            if cell.sure is not None
        ]
        return min(found, default=None)

    def worst_cell(self, walk: Walk, after: int | None = None) -> Cell | None:
        """Return the least sure slice of the object shown; after one, the next."""
        unsure = sorted(
            (cell.sure, cell.z, cell)
            for cell in self.cells(walk)
            if cell.sure is not None
        )
        order = [z for _, z, _ in unsure]
        if not order:
            return None
        at = order.index(after) + 1 if after in order else 0
        return unsure[at % len(order)][2]

    def note_followed(self, label_id: int, walk: Walk, slices: frozenset[int]) -> None:
        """Remember from which slices an object was followed."""
        self._followed[label_id] = walk, slices

    def followed_from(self, label_id: int, walk: Walk) -> Collection[int] | None:
        """Slices that an object was followed from last; None: nobody knows."""
        last = self._followed.get(label_id)
        return last[1] if last is not None and last[0].same_slices(walk) else None

    def forget(self) -> None:
        """Forget it all: there is another image."""
        self._followed.clear()
