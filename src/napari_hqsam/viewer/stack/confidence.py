"""Confidence of objects on slices, and the slices they were propagated from."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from napari_hqsam.viewer.stack.state import Cell

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_hqsam.viewer.session.controller import SessionController
    from napari_hqsam.viewer.stack.slices.slice_axis import SliceAxis
    from napari_hqsam.viewer.stack.state import StackState


class WorstSlice(NamedTuple):
    """The slice on which the confidence of an object is lowest."""

    confidence: float
    z: int
    label_id: int


class ObjectConfidence:
    """Confidence of objects on slices, from the session.

    Parameters
    ----------
    sessions : SessionController
    state : StackState
    """

    def __init__(self, sessions: SessionController, state: StackState) -> None:
        self._sessions, self._state = sessions, state
        self._sources: dict[int, tuple[SliceAxis, frozenset[int]]] = {}

    def objects(self) -> list[int]:
        """Return the ids of objects that were derived on some slice, ascending."""
        session = self._sessions.session
        if session is None:
            return []
        derived = session.table.derived
        return sorted(i for i, planes in derived.items() if planes)

    def shown_object(self) -> int | None:
        """Return the object of the strip, if there still is one."""
        session, label_id = self._sessions.session, self._state.object_id
        known = session is not None and bool(session.table.derived.get(label_id or 0))
        return label_id if known else None

    def cells(self, stack: SliceAxis, label_id: int | None = None) -> list[Cell]:
        """Return the cells of an object, by default of the one shown.

        Slices between two it was found on, on which it was not found, have confidence
        0.
        """
        session = self._sessions.session
        label_id = self.shown_object() if label_id is None else label_id
        if session is None or label_id is None:
            return []
        table, cells = session.table, {}
        for plane in table.made.get(label_id, {}):
            if (z := stack.slice_of(plane)) is not None:
                cells[z] = Cell(z, None)
        for plane, confidence in table.derived.get(label_id, {}).items():
            if (z := stack.slice_of(plane)) is not None:
                parts = self._state.parts.get((label_id, plane))
                cells[z] = Cell(z, confidence, None if confidence is None else parts)
        for a, b in pairwise(sorted(cells)):
            if cells[a].confidence is not None and cells[b].confidence is not None:
                cells |= {z: Cell(z, 0.0) for z in range(a + 1, b)}
        return [cells[z] for z in sorted(cells)]

    def worst_of(
        self, label_ids: Collection[int], stack: SliceAxis
    ) -> WorstSlice | None:
        """Return the lowest confidence of objects; None if all are prompted."""
        found = [
            WorstSlice(cell.confidence, cell.z, i)
            for i in label_ids
            for cell in self.cells(stack, i)
            if cell.confidence is not None
        ]
        return min(found, default=None)

    def worst_cell(self, stack: SliceAxis, after: int | None = None) -> Cell | None:
        """Return the worst slice of the object shown; after one, the next worst."""
        cells = sorted(
            (cell.confidence, cell.z, cell)
            for cell in self.cells(stack)
            if cell.confidence is not None
        )
        order = [z for _, z, _ in cells]
        if not order:
            return None
        at = order.index(after) + 1 if after in order else 0
        return cells[at % len(order)][2]

    def note_sources(
        self, label_id: int, stack: SliceAxis, slices: frozenset[int]
    ) -> None:
        """Remember from which slices an object was propagated."""
        self._sources[label_id] = stack, slices

    def sources_of(self, label_id: int, stack: SliceAxis) -> Collection[int] | None:
        """Return the slices an object was propagated from last; None: unknown."""
        last = self._sources.get(label_id)
        known = last is not None and last[0].has_same_slices(stack)
        return last[1] if last is not None and known else None

    def forget(self) -> None:
        """Forget the slices that objects of the last image were propagated from."""
        self._sources.clear()
