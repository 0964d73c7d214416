"""The scroll area with the sections of the widget, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterable

LOWEST = 120
"""Least height in screen pixels: a few rows."""

BORDER = 1
"""Screen pixels of the line that napari's style sheet draws, unknown to Qt."""


class Sections(QScrollArea):
    """Scrolls sections vertically, and is as wide as the widest of them.

    A plain scroll area has no minimum width: the window would make it narrower, and cut
    off the right of its content.

    Parameters
    ----------
    sections : iterable of QWidget
    """

    def __init__(self, sections: Iterable[QWidget]) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        body = QWidget()
        rows = QVBoxLayout(body)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(2)
        for section in sections:
            rows.addWidget(section)
        rows.addStretch()
        self.setWidget(body)

    def minimumSizeHint(self) -> QSize:
        """Return the width of the content and its scroll bar, in the current font."""
        body, bar = self.widget(), self.verticalScrollBar()
        if body is None or bar is None:
            return super().minimumSizeHint()
        width = body.minimumSizeHint().width() + bar.sizeHint().width()
        return QSize(width + 2 * BORDER, LOWEST)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Update the geometry when the content needs another width."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        handled: bool = super().eventFilter(watched, event)
        return handled
