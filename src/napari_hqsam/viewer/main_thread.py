"""The main thread: running what others want run there, and telling the user."""

from __future__ import annotations

import logging
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

    _wanted = QtSignal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wanted.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def __call__(self, function: Callable[[], None]) -> None:
        """Run a function soon; from any thread."""
        # RuntimeError: the window is gone, nobody waits for it.
        with suppress(RuntimeError):
            self._wanted.emit(function)

    @staticmethod
    def _run(function: Callable[[], None]) -> None:
        function()


def timer(parent: QObject, milliseconds: int, call: Callable[[], Any]) -> QTimer:
    """Make a timer that calls once, so long after it was last started."""
    made = QTimer(parent)
    made.setSingleShot(True)
    made.setInterval(milliseconds)
    made.timeout.connect(call)
    return made


def tell(error: Exception) -> None:
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
