"""Record in the session what napari changes in its labels: brush, undo, new data.

Ids that were painted are objects from then on; `sessions.new_ids` avoids them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from napari_hqsam.errors import HqsamError, OutputError
from napari_hqsam.viewer.canvas.connections import Connections
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.session.target.reconcile import reconcile
from napari_hqsam.viewer.session.undo_keys import bind_undo_keys, restore_undo_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.viewer.session.open_labels import OpenLabels

Which = Literal["undo", "redo"]


class NapariEdits:
    """Listens to one layer of labels at a time.

    Parameters
    ----------
    changed : callable
        Called when something was recorded that the labels' objects depend on.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._labels: OpenLabels | None = None
        self._of_layer = Connections()

    def listen_to(self, labels: OpenLabels) -> None:
        """Record what happens in the layer of these labels."""
        self._labels = labels
        layer = labels.target.layer
        self._of_layer.add(layer.events.set_data, self._on_data)
        self._of_layer.add(layer.events.paint, self._on_paint)
        bind_undo_keys(layer, self._on_undo_key)

    def stop(self) -> None:
        """Disconnect; the undo keys of the layer are napari's again."""
        self._of_layer.close()
        labels, self._labels = self._labels, None
        if labels is not None:
            restore_undo_keys(labels.target.layer)

    def catch_up(self) -> None:
        """Record what napari's undo did, or that the layer has other data."""
        labels = self._labels
        if labels is None:
            return
        target, session = labels.target, labels.session
        before = target.replaced()
        if session is None or target.writing:
            return
        if target.shape != session.header.labels.shape:
            return  # an error tells of it as soon as the session goes on
        try:
            replaced = before is not None and session.record_replacement(before)
            if replaced or reconcile(session, target):
                labels.rebuild_rows()
                labels.show_rows()
                self._changed()
        except HqsamError as error:
            notify(error)

    def _on_data(self, event: object) -> None:
        self.catch_up()

    def _on_paint(self, event: Any) -> None:  # noqa: ANN401
        """Record a brush stroke, so that a replay paints the same."""
        labels = self._labels
        if labels is None:
            return
        labels.is_new = False  # it may have objects of its own now
        target, session = labels.target, labels.session
        target.history.mark()
        if session is None or target.writing:
            return
        try:
            session.record_strokes(target.history.strokes_of(event.value))
            labels.update_last_step()
            labels.show_rows()
        except (HqsamError, ValueError, TypeError, IndexError) as error:
            notify(OutputError(f"a brush stroke is missing in the journal: {error}"))

    def _on_undo_key(self, which: Which) -> None:
        """Undo in the session; as long as there is none, as napari does."""
        labels = self._labels
        if labels is None:
            return
        if labels.session is None:
            labels.target.history.step(which)
            return
        try:
            if labels.step(which):
                self._changed()
        except HqsamError as error:
            notify(error)
