"""The main thread: functions that are to run there, timers, notifications."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]

from napari_hqsam.errors import HqsamError, HqsamWarning

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class MainThread(QObject):
    """Runs functions on the thread it was made on."""

    _wanted = QtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._functions: deque[Callable[[], None]] = deque()
        self._wanted.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def __call__(self, function: Callable[[], None]) -> None:
        """Run a function soon; from any thread."""
        self._functions.append(function)
        # RuntimeError: the window is gone, and nobody waits for the result.
        with suppress(RuntimeError):
            self._wanted.emit()

    def catch_up(self) -> None:
        """Run all pending functions now; to be called on the main thread."""
        while self._functions:
            self._run()

    def _run(self) -> None:
        if self._functions:  # else `catch_up` has run it
            self._functions.popleft()()


class DeferredCall(QObject):
    """Calls a function once after the present event, before anything is painted.

    Painting takes most of the time between a click and its answer, and Qt paints
    before a timer of 0 ms fires.

    Parameters
    ----------
    parent : QObject
    call : callable
    """

    _wanted = QtSignal()

    def __init__(self, parent: QObject, call: Callable[[], Any]) -> None:
        super().__init__(parent)
        self._call, self._active = call, False
        self._wanted.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Schedule the call; further starts before it make no difference."""
        if not self._active:
            self._active = True
            self._wanted.emit()

    def stop(self) -> None:
        """Cancel the call."""
        self._active = False

    def isActive(self) -> bool:
        """Whether a call is scheduled; named as in Qt's timers."""
        return self._active

    def _run(self) -> None:
        if self._active:
            self._active = False
            self._call()


def timer(parent: QObject, milliseconds: int, call: Callable[[], Any]) -> QTimer:
    """Make a single-shot timer; starting it again begins anew (debounce)."""
    made = QTimer(parent)
    made.setSingleShot(True)
    made.setInterval(milliseconds)
    made.timeout.connect(call)
    return made


def notify(error: Exception) -> None:
    """Show an error or warning as a notification."""
    from napari.utils import notifications

    if isinstance(error, (HqsamError, HqsamWarning)):
        notifications.show_warning(str(error))
        return
    logger.error("unforeseen", exc_info=error)
    notifications.show_error(
        f"{type(error).__name__}: {error}. This should not happen; please report it "
        "with the log"
    )
