"""Wait for running saves when napari or the widget closes, with a progress dialog.

Else the process would end in the middle of a save.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QProgressDialog, QWidget

if TYPE_CHECKING:
    from napari_hqsam.viewer.saving.label_saver import LabelSaver


class ClosingWaits(QObject):
    """Keeps napari's window open while labels are being saved.

    Parameters
    ----------
    widget : QWidget
        Any part of the window.
    saver : LabelSaver
    """

    def __init__(self, widget: QWidget, saver: LabelSaver) -> None:
        super().__init__(widget)
        self._widget, self._saver = widget, saver
        self._window: QWidget | None = None
        saver.save_begun.connect(self._on_begun)
        saver.save_ended.connect(self._on_ended)

    def _on_begun(self) -> None:
        if self._window is None:
            self._window = _top(self._widget)
            self._window.installEventFilter(self)

    def _on_ended(self) -> None:
        if self._window is not None and not self._saver.saving:
            self._window.removeEventFilter(self)
            self._window = None

    def eventFilter(self, window: QObject | None, event: QEvent | None) -> bool:
        """Keep the window open if the labels could not be written."""
        if event is None or event.type() != QEvent.Type.Close or self.wait():
            return False
        event.ignore()
        return True

    def wait(self) -> bool:
        """Show progress until all labels are written.

        Returns
        -------
        bool
            False if a save failed: the message must stay readable. True also if the
            user does not want to wait.
        """
        saver = self._saver
        if not saver.saving:
            return True
        failures = saver.failures
        dialog = QProgressDialog(
            f"Saving {', '.join(saver.being_saved)}",
            "Close without saving",
            0,
            0,
            _top(self._widget),
        )
        dialog.setWindowTitle("Labels are being saved")
        dialog.setWindowModality(Qt.WindowModality.ApplicationModal)

        def on_ended() -> None:
            if not saver.saving:
                dialog.accept()

        saver.save_ended.connect(on_ended)
        dialog.exec()
        saver.save_ended.disconnect(on_ended)
        dialog.deleteLater()
        if saver.saving:
            saver.drop_saves()
            return True
        return saver.failures == failures


def _top(widget: QWidget) -> QWidget:
    """Return napari's window, also where a part of it floats."""
    while (parent := widget.parentWidget()) is not None:
        widget = parent
    return widget
