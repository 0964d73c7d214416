"""Connections to events of napari that are closed together."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from psygnal import SignalInstance


class Connections:
    """Connections to events of napari; `close` disconnects all of them."""

    def __init__(self) -> None:
        self._origin: list[tuple[Any, Callable[..., Any]]] = []

    def add(self, emitter: Any, callback: Callable[..., Any]) -> None:  # noqa: ANN401
        """Connect a callback to an emitter of napari."""
        emitter.connect(callback)
        self._origin.append((emitter, callback))

    def forward(self, emitter: Any, signal: SignalInstance) -> None:  # noqa: ANN401
        """Emit a signal without arguments whenever napari emits an event."""

        def emit(event: object) -> None:
            signal.emit()

        self.add(emitter, emit)

    def close(self) -> None:
        """Disconnect everything."""
        for emitter, callback in self._origin:
            with suppress(ValueError, RuntimeError, KeyError):
                emitter.disconnect(callback)
        self._origin.clear()
