"""Keys of the widget: letters that neither the viewer nor a layer uses.

napari ignores key bindings of the manifest, so they are bound to the viewer
when the widget opens and taken off when it closes; a layer's own keys go first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.viewer import Viewer

KEYS: dict[str, tuple[str, str]] = {
    "accept": ("N", "accept the object, begin the next"),
    "reject": ("Q", "reject the object"),
    "next_candidate": ("K", "next candidate"),
    "next_output": ("H", "compare SAM + HQ, SAM, HQ"),
    "undo": ("U", "undo the last prompt or object"),
    "reopen": ("J", "reopen the object under the cursor"),
    "next_tool": ("W", "next tool: click, box, scribble, outline, edit"),
    "toggle_hover": ("G", "outline under the cursor on or off"),
    "merge": ("Shift-N", "merge the object into that under the cursor"),
    "split": ("Shift-K", "split the object off the one below it"),
    "delete": ("Shift-Q", "delete the object under the cursor"),
}
"""What a key does: (key, explanation) by the name of the action."""


def bind(viewer: Viewer, actions: Mapping[str, Callable[[], object]]) -> None:
    """Bind the keys."""
    for name, call in actions.items():
        viewer.bind_key(KEYS[name][0], _ignoring(call), overwrite=True)


def unbind(viewer: Viewer) -> None:
    """Take the keys off."""
    for key, _ in KEYS.values():
        viewer.bind_key(key, None)


def _ignoring(call: Callable[[], object]) -> Callable[[object], None]:
    def press(_: object) -> None:
        call()

    return press
