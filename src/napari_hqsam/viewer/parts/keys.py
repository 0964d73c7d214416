"""Keys of the widget: letters that neither the viewer nor a layer uses.

napari ignores key bindings of the manifest, so they are bound to the viewer when the
widget opens and unbound when it closes; bindings of a layer take precedence. They work
while the canvas has the focus; elsewhere see `focus_keys`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.viewer import Viewer


class Key(NamedTuple):
    """A key, and what it does."""

    key: str
    title: str
    text: str


KEYS: dict[str, Key] = {
    "accept": Key("N", "Accept", "accept the object, begin the next"),
    "reject": Key("Q", "Reject", "reject the object"),
    "next_candidate": Key("K", "Candidate", "next candidate"),
    "next_output": Key("H", "Output", "compare SAM + HQ, SAM, HQ"),
    "undo": Key("U", "Undo", "undo the last prompt or object"),
    "redo": Key("Shift-U", "Redo", "redo what was undone"),
    "reopen": Key("J", "Reopen", "reopen the one pointed at"),
    "next_tool": Key("W", "Tool", "next tool"),
    "toggle_hover": Key("G", "Hover", "outline under the cursor on or off"),
    "merge": Key("Shift-N", "Merge", "merge it into the one pointed at"),
    "split": Key("Shift-K", "Split off", "split it off the one below it"),
    "clean": Key("Shift-H", "Clean", "fill and smooth the one pointed at"),
    "delete": Key("Shift-Q", "Delete", "delete the one pointed at"),
    "follow": Key("Shift-G", "Follow", "work on the slices, as chosen under Stack"),
    "accept_shown": Key("Shift-J", "Accept shown", "accept all proposals shown"),
    "worst": Key("Shift-W", "Least sure", "go to the slice of lowest confidence"),
}
"""Keys by the names of the actions."""


def bind(viewer: Viewer, actions: Mapping[str, Callable[[], object]]) -> None:
    """Bind the keys."""
    for name, call in actions.items():
        viewer.bind_key(KEYS[name].key, _ignoring(call), overwrite=True)


def unbind(viewer: Viewer) -> None:
    """Unbind the keys."""
    for key in KEYS.values():
        viewer.bind_key(key.key, None)


def _ignoring(call: Callable[[], object]) -> Callable[[object], None]:
    def press(_: object) -> None:
        call()

    return press
