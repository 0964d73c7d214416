"""The features table of the target: one row for each accepted object.

Only the rows of objects that a step touched are updated, so that the five hundredth
object costs what the first one did.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from napari_hqsam.sessions.features import COLUMNS
from napari_hqsam.sessions.journal.events import Accept

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Labels

    from napari_hqsam.sessions.journal.events import Event
    from napari_hqsam.sessions.session import Session


class ObjectRows:
    """Rows of all objects of a session, by ascending ids.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.columns: dict[str, list[Any]] = session.features()
        """Values by the names of `COLUMNS`."""
        self._ids: list[int] = self.columns["index"]

    def update(self, step: Iterable[Event]) -> None:
        """Update the rows of the objects that a step touched."""
        self.update_objects(_touched(step))

    def update_objects(self, label_ids: Iterable[int]) -> None:
        """Update the rows of objects."""
        there = self._session.table
        for label_id in sorted(label_ids):
            # as `ObjectTable.ids` has it, for one id
            known = (
                bool(there.made.get(label_id))
                if there.was_preexisting(label_id)
                else there.pixels[label_id] > 0
            )
            self._set(label_id, self._session.feature_row(label_id) if known else None)

    def _set(self, label_id: int, row: list[Any] | None) -> None:
        at = bisect_left(self._ids, label_id)
        there = at < len(self._ids) and self._ids[at] == label_id
        span = slice(at, at + there)
        for i, name in enumerate(COLUMNS):
            self.columns[name][span] = [] if row is None else [row[i]]

    def show(self, layer: Labels) -> None:
        """Assign the table to a layer, unless the layer has features from elsewhere.

        A table without the column "index" goes by position, and is not changed.
        """
        import pandas as pd

        if not len(layer.features.columns) or "index" in layer.features:
            layer.features = pd.DataFrame(self.columns)


def _touched(step: Iterable[Event]) -> set[int]:
    """Return the ids of objects that a step is about, or took pixels from."""
    ids: set[int] = set()
    for event in step:
        ids.update((event.label_id,) if isinstance(event, Accept) else event.ids)
        for patch in event.patches:
            gained, lost = patch.counts()
            ids.update(gained, lost)
    return ids - {0}
