"""The keys on the canvas, as a table."""

from __future__ import annotations

from napari_hqsam.viewer.parts.forms import Section, label
from napari_hqsam.viewer.parts.keys import KEYS

_ROW = "<tr><td><b>{}</b>&nbsp;&nbsp;</td><td>{}</td></tr>"


class KeysSection(Section):
    """Lists the keys and what they do."""

    def __init__(self) -> None:
        super().__init__("Keys", "Keys on the canvas", is_open=False)
        rows = [_ROW.format(key.key, key.text) for key in KEYS.values()]
        rows.append(_ROW.format("Shift", "click or scribble: not the object"))
        self.rows.addWidget(label(f"<table>{''.join(rows)}</table>"))
