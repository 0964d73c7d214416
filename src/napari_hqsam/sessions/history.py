"""The undo history of a session, back to its first step.

Knows neither labels nor files: the `EditLog` writes the patches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.sessions.journal.events import Accept
from napari_hqsam.sessions.objects import ObjectTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from napari_hqsam.sessions.journal.events import Event
    from napari_hqsam.sessions.journal.headers import LabelsRecord
    from napari_hqsam.sessions.objects import Entry

    Step: TypeAlias = list[Entry]


class History:
    """Stacks of steps done and undone, and the resulting objects.

    A step is one event, or the events of one group. An event may join the step of its
    group even when later steps exist, if it commutes with them: it is then inserted
    before them.

    Parameters
    ----------
    labels : LabelsRecord
        The labels that the session began with.
    """

    def __init__(self, labels: LabelsRecord) -> None:
        self.table = ObjectTable(labels)
        self._done: list[Step] = []
        self._undone: list[list[Event]] = []
        self._dropped: list[Event] = []
        self._groups: dict[object, int] = {}  # index in `_done` of each group's step

    @property
    def events(self) -> Iterator[Event]:
        """Events that are in effect, in order."""
        return (entry.event for step in self._done for entry in step)

    @property
    def latest(self) -> Iterator[Event]:
        """Events that are in effect, the last one first."""
        return (e.event for step in reversed(self._done) for e in reversed(step))

    @property
    def to_undo(self) -> list[Event]:
        """Events of the step to undo next, in order; empty if there is none."""
        return [entry.event for entry in self._done[-1]] if self._done else []

    @property
    def to_redo(self) -> list[Event]:
        """Events of the step to redo next, in order; empty if there is none."""
        return self._undone[-1] if self._undone else []

    @property
    def undone(self) -> Iterator[Event]:
        """Events that can be redone, in the order in which they were done."""
        return (event for step in reversed(self._undone) for event in step)

    @property
    def dropped(self) -> Iterator[Event]:
        """Events that were undone and can no longer be redone.

        In an order in which, from back to front, they can be undone one by one.
        """
        return reversed(self._dropped)

    def later(self, event: Event, group: object) -> int:
        """Count the steps since that of a group, if an event commutes with them.

        Returns
        -------
        int
            For `do`. 0 if the group has no step, if its step is the last one, or if
            the event does not commute with a later step.
        """
        at = self._groups.get(group)
        steps = [] if at is None else self._done[at + 1 :]
        since = (entry.event for step in steps for entry in step)
        return 0 if any(_conflict(other, event) for other in since) else len(steps)

    def do(self, event: Event, group: object = None, later: int = 0) -> None:
        """Add an event; undone events can no longer be redone.

        Parameters
        ----------
        event : Event
            The event.
        group : object, optional
            Events of the same group form one step, unless there was an undo or redo
            in between.
        later : int
            Number of steps since that of the group, from `later`; if the number
            differs, the event begins a step of its own.
        """
        at = self._groups.get(group)
        if at is None or at != len(self._done) - 1 - later:
            at = len(self._done)
            self._done.append([])
        # the table must see the events in the order of the steps
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
        """Undo the last step.

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
        """Redo the step undone last.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not self._undone:
            raise ValueError("there is nothing to redo")
        self._done.append([self.table.add(event) for event in self._undone.pop()])
        self._groups.clear()


def _conflict(first: Event, second: Event) -> bool:
    """Whether two events do not commute.

    Both change the same pixel, or the same object on the same plane or on all planes.
    """
    if _ids(first) & _ids(second):
        planes = {first.plane, second.plane}
        if len(planes) == 1 or None in planes:
            return True
    return any(a.overlaps(b) for a in first.patches for b in second.patches)


def _ids(event: Event) -> set[int]:
    return {event.label_id} if isinstance(event, Accept) else {*event.ids}
