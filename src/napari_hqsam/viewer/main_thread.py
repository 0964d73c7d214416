"""The main thread: running what others want run there, and telling the user."""

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
        # RuntimeError: the window is gone, nobody waits for it.
        with suppress(RuntimeError):
            self._wanted.emit()

    def catch_up(self) -> None:
        """Run now what is to be run; on the main thread, which else waits."""
        while self._functions:
            self._run()

    def _run(self) -> None:
        if self._functions:  # else it was run before its time
            self._functions.popleft()()


class DeferredCall(QObject):
    """Calls once, when what happens now is over, and before anything is painted.

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
        """Call soon; once, however often this is said meanwhile."""
        if not self._active:
            self._active = True
            self._wanted.emit()

    def stop(self) -> None:
        """Do not call."""
        self._active = False

    def isActive(self) -> bool:
        """Whether it is going to call; named as by Qt's timers."""
        return self._active

    def _run(self) -> None:
        if self._active:
            self._active = False
            self._call()


def timer(parent: QObject, milliseconds: int, call: Callable[[], Any]) -> QTimer:
    """Make a timer that calls once, so long after it was last started."""
    made = QTimer(parent)
    made.setSingleShot(True)
    made.setInterval(milliseconds)
    made.timeout.connect(call)
    return made


def notify(error: Exception) -> None:
    """Show what went wrong, once, as a notification."""
    from napari.utils import notifications

    if isinstance(error, (HqsamError, HqsamWarning)):
        notifications.show_warning(str(error))
        return
    logger.error("unforeseen", exc_info=error)
    notifications.show_error(
        f"{type(error).__name__}: {error}. This should not happen; please report it "
        "with the log"
    )
