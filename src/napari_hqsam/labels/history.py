"""What was done in a session, step by step, back to the first.

Knows neither labels nor files: who undoes a step writes the patches back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_hqsam.labels.objects import ObjectTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_hqsam.labels.headers import LabelsRecord
    from napari_hqsam.labels.objects import Entry
    from napari_hqsam.labels.records import Event


class History:
    """What was done, what was undone of it, and the objects that are left.

    Steps are undone and redone whole: one event, or several of one group.

    Parameters
    ----------
    labels : LabelsRecord
        The labels, with what was found in them.
    """

    def __init__(self, labels: LabelsRecord) -> None:
        self.table = ObjectTable(labels)
        self._done: list[list[Entry]] = []
        self._undone: list[list[Event]] = []
        self._group: object = None

    @property
    def events(self) -> Iterator[Event]:
        """All that is done and not undone, in order."""
        return (entry.event for step in self._done for entry in step)

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

    def do(self, event: Event, group: object = None) -> None:
        """Take in an event; what was undone is gone for good.

        Parameters
        ----------
        event : Event
            What was done.
        group : object, optional
            Events of the same group one after another are one step.
        """
        entry = self.table.add(event)
        if group is not None and group == self._group and self._done:
            self._done[-1].append(entry)
        else:
            self._done.append([entry])
        self._group = group
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
        self._group = None

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
        self._group = None
