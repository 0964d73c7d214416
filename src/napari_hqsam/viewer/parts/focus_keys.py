"""Keys of the widget while another part of napari's window than the canvas has focus.

napari's key bindings work while the canvas has the focus. Once a combo box or a button
was clicked, a letter would go to it, and choose another entry or do nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent, QValidator
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDateTimeEdit,
    QDockWidget,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from napari_hqsam.viewer.parts.keys import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SHIFT = Qt.KeyboardModifier.ShiftModifier
_NONE = Qt.KeyboardModifier.NoModifier


class FocusKeys(QObject):
    """Handles the widget's keys in whatever part of the window has the focus.

    Not in parts in which letters are typed, on the canvas, where napari handles the
    keys, in lists that have popped up, and in other windows.

    Parameters
    ----------
    panel : QWidget
        Any part of napari's window.
    actions : mapping of str to callable
        By the names of `KEYS`.
    parent : QObject
    """

    def __init__(
        self,
        panel: QWidget,
        actions: Mapping[str, Callable[[], object]],
    ) -> None:
        super().__init__(panel)
        self._panel = panel
        self._actions = {KEYS[name].key: call for name, call in actions.items()}
        self._watched: QWidget | None = None
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        self._app = app
        app.focusChanged.connect(self._on_focus)
        self._on_focus(None, QApplication.focusWidget())

    def close(self) -> None:
        """Stop handling keys."""
        self._app.focusChanged.disconnect(self._on_focus)
        self._watch(None)

    # The event filter is on the part with the focus only: one on the application would
    # be called for every event.

    def _on_focus(self, old: QWidget | None, new: QWidget | None) -> None:
        self._watch(new if new is not None and self._is_here(new) else None)

    def _watch(self, part: QWidget | None) -> None:
        if self._watched is not None:
            self._watched.removeEventFilter(self)
            self._watched.destroyed.disconnect(self._on_destroyed)
        self._watched = part
        if part is not None:
            part.installEventFilter(self)
            part.destroyed.connect(self._on_destroyed)

    def _on_destroyed(self) -> None:
        self._watched = None

    def _is_here(self, part: QWidget) -> bool:
        """Whether a part is in napari's window, or in a dock taken out of it."""
        return window_of(part) is window_of(self._panel) and not is_canvas(part)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Call the action of a key, unless its letter is to be typed."""
        if not isinstance(event, QKeyEvent) or not isinstance(watched, QWidget):
            return False
        call = self._actions.get(name_of(event))
        if call is None or takes_text(watched, event.text()):
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # it comes as a key press then
            return True
        if event.type() == QEvent.Type.KeyPress and not event.isAutoRepeat():
            call()
        return True


def window_of(part: QWidget) -> QWidget:
    """Return napari's window, also for a widget in a floating dock."""
    window = part.window()
    assert window is not None
    if isinstance(window, QDockWidget):
        return window.parentWidget() or window
    return window


def is_canvas(part: QWidget) -> bool:
    """Whether a widget is vispy's canvas, where napari handles the keys itself."""
    return any(kind.__module__.startswith("vispy") for kind in type(part).__mro__)


def name_of(event: QKeyEvent) -> str:
    """Name of a letter with or without Shift, as in `KEYS`; "" for other keys."""
    if event.modifiers() not in (_NONE, _SHIFT):
        return ""
    code = int(event.key())
    letter = chr(code) if Qt.Key.Key_A <= code <= Qt.Key.Key_Z else ""
    return f"Shift-{letter}" if event.modifiers() == _SHIFT else letter


def takes_text(part: QWidget, text: str) -> bool:
    """Whether a text would be typed where the focus is.

    Not into numbers, even though they are edited as text.
    """
    if isinstance(part, QComboBox):
        return part.isEditable()
    if isinstance(part, QLineEdit):
        if part.isReadOnly() or isinstance(part.parent(), QAbstractSpinBox):
            return False
        validator = part.validator()
        if validator is None:
            return True
        at = part.cursorPosition()
        typed = part.text()[:at] + text + part.text()[at:]
        return validator.validate(typed, at)[0] != QValidator.State.Invalid
    if isinstance(part, QAbstractSpinBox):
        return isinstance(part, QDateTimeEdit)
    if isinstance(part, (QTextEdit, QPlainTextEdit)):
        return not part.isReadOnly()
    return part.testAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled)
