"""What was done in a session, step by step, back to the first.

Knows neither labels nor files: who undoes a step writes the patches back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.sessions.journal.records import Accept
from napari_hqsam.sessions.objects import ObjectTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from napari_hqsam.sessions.journal.headers import LabelsRecord
    from napari_hqsam.sessions.journal.records import Event
    from napari_hqsam.sessions.objects import Entry

    Step: TypeAlias = list[Entry]


class History:
    """What was done, what was undone of it, and the objects that are left.

    Steps are undone and redone whole: one event, or several of one group, which
    may begin long before the last step. An event that joins such a step is put
    before what was done since, so it must have nothing to do with that.

    Parameters
    ----------
    labels : LabelsRecord
        The labels, with what was found in them.
    """

    def __init__(self, labels: LabelsRecord) -> None:
        self.table = ObjectTable(labels)
        self._done: list[Step] = []
        self._undone: list[list[Event]] = []
        self._dropped: list[Event] = []
        self._groups: dict[object, int] = {}  # where in `_done` each one's step is

    @property
    def events(self) -> Iterator[Event]:
        """All that is done and not undone, in order."""
        return (entry.event for step in self._done for entry in step)

    @property
    def latest(self) -> Iterator[Event]:
        """All that is done and not undone, the last one first."""
        return (e.event for step in reversed(self._done) for e in reversed(step))

    @property
    def to_undo(self) -> list[Event]:
        """The last step, in order; empty if there is none."""
        return [entry.event for entry in self._done[-1]] if self._done else []

    @property
    def to_redo(self) -> list[Event]:
        """The step undone last, in order; empty if there is none."""
        return self._undone[-1] if self._undone else []

    @property
    def undone(self) -> Iterator[Event]:
        """All that can be redone, in the order in which it was done."""
        return (event for step in reversed(self._undone) for event in step)

    @property
    def dropped(self) -> Iterator[Event]:
        """All that was undone and cannot be redone.

        Back to front they can be taken back one by one: steps dropped together the
        last one first, before those that were dropped later.
        """
        return reversed(self._dropped)

    def later(self, event: Event, group: object) -> int:
        """Count the steps done since that of a group, which an event can pass.

        Returns
        -------
        int
            For `do`. 0 if the group has no step, that is the last one, or one
            since has to do with the event.
        """
        at = self._groups.get(group)
        steps = [] if at is None else self._done[at + 1 :]
        since = (entry.event for step in steps for entry in step)
        return 0 if any(_concerns(other, event) for other in since) else len(steps)

    def do(self, event: Event, group: object = None, later: int = 0) -> None:
        """Take in an event; what was undone is gone for good.

        Parameters
        ----------
        event : Event
            What was done.
        group : object, optional
            Events of the same group are one step, unless something was undone
            or redone in between.
        later : int
            How many steps may have been done since that of the group; if there
            are others, the event begins a step of its own. See `later`.
        """
        at = self._groups.get(group)
        if at is None or at != len(self._done) - 1 - later:
            at = len(self._done)
            self._done.append([])
        # The table is that of the events in the order of the steps.
        since = self._done[at + 1 :]
        for entry in (entry for step in reversed(since) for entry in reversed(step)):
            self.table.remove(entry)
        self._done[at].append(self.table.add(event))
        for step in since:
            step[:] = [self.table.add(entry.event, entry.counts) for entry in step]
        if group is not None:
            self._groups[group] = at
        self._dropped.extend(reversed([*self.undone]))
        self._undone.clear()

    def undo(self) -> None:
        """Take back the last step.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not self._done:
            raise ValueError("there is nothing to undo")
        step = self._done.pop()
        for entry in reversed(step):
            self.table.remove(entry)
        self._undone.append([entry.event for entry in step])
        self._groups.clear()

    def redo(self) -> None:
        """Do the step undone last once more.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not self._undone:
            raise ValueError("there is nothing to redo")
        self._done.append([self.table.add(event) for event in self._undone.pop()])
        self._groups.clear()


def _concerns(first: Event, second: Event) -> bool:
    """Whether the order of two events counts.

    They change a pixel both, or the same object on the same plane or everywhere.
    """
    if _ids(first) & _ids(second):
        planes = {first.plane, second.plane}
        if len(planes) == 1 or None in planes:
            return True
    return any(a.overlaps(b) for a in first.patches for b in second.patches)


def _ids(event: Event) -> set[int]:
    return {event.label_id} if isinstance(event, Accept) else {*event.ids}
