"""Ctrl+Z on a Labels layer: undo of the session instead of napari's own.

One undo for everything, back to the first click; napari's own history is short, and
is lost with new data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from app_model.types import KeyCode, KeyMod

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels

UNDO = KeyMod.CtrlCmd | KeyCode.KeyZ
REDO = KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ


def bind_undo_keys(
    layer: Labels, call: Callable[[Literal["undo", "redo"]], object]
) -> None:
    """Call a function with "undo" or "redo" when the keys are pressed on a layer."""

    def undo(_: object) -> None:
        call("undo")

    def redo(_: object) -> None:
        call("redo")

    layer.bind_key(UNDO, undo, overwrite=True)
    layer.bind_key(REDO, redo, overwrite=True)


def disable_undo_keys(layer: Labels) -> None:
    """Let the keys do nothing: what napari undid would be missing in the journal."""
    bind_undo_keys(layer, lambda _: None)


def restore_undo_keys(layer: Labels) -> None:
    """Give the keys back to napari."""
    for key in (UNDO, REDO):
        layer.bind_key(key, None)
