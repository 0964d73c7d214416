"""The mouse wheel scrolls the panel, and changes no setting on the way."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QSlider, QWidget


class WheelScrolls(QObject):
    """Keeps the wheel from the controls of a panel.

    Qt gives it to whatever control is below the cursor, also where the user meant to
    scroll. A number with the focus still takes it, since a click on it came first; a
    combo box never does: there a choice is lost without a trace.

    Parameters
    ----------
    panel : QWidget
        With all its controls.
    """

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        for kind in (QComboBox, QAbstractSpinBox, QSlider):
            for part in panel.findChildren(kind):
                if part.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                    part.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                part.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hand the wheel on to what the control lies in."""
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QAbstractSpinBox) and watched.hasFocus():
            return False
        event.ignore()
        return True
