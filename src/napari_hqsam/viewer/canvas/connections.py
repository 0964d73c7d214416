"""Connections to events of napari that end with whoever made them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Connections:
    """Connections to events of napari, all undone at once."""

    def __init__(self) -> None:
        self._origin: list[tuple[Any, Callable[..., Any]]] = []

    def add(self, emitter: Any, callback: Callable[..., Any]) -> None:  # noqa: ANN401
        """Connect a callback to an emitter of napari."""
        emitter.connect(callback)
        self._origin.append((emitter, callback))

    def close(self) -> None:
        """Disconnect everything."""
        for emitter, callback in self._origin:
            with suppress(ValueError, RuntimeError, KeyError):
                emitter.disconnect(callback)
        self._origin.clear()
