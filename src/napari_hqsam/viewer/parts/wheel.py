"""The mouse wheel scrolls the panel, and does not change settings."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QSlider, QWidget


class WheelScrolls(QObject):
    """Keeps wheel events from the controls of a panel.

    Qt sends them to the control below the cursor, also when the user means to scroll. A
    spin box with the focus still gets them, since it was clicked first; a combo box
    never does, as a changed choice would go unnoticed.

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
        """Pass a wheel event on to the parent of the control."""
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QAbstractSpinBox) and watched.hasFocus():
            return False
        event.ignore()
        return True
