"""The confidence of an object on each slice, as a strip of cells."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer
    from qtpy.QtGui import QPaintEvent

    from napari_hqsam.viewer.stack.state import Cell

HEIGHT, MARKS = 30, 6
"""Screen pixels: of all, and of the marks at the top and at the bottom."""
# Okabe and Ito's orange, yellow and blue: told apart by the colour-blind, and the
# least sure ones stand out on dark and light themes alike.
_COLOURS = ((0.0, "#d55e00"), (0.5, "#f0e442"), (1.0, "#0072b2"))


class ConfidenceStrip(QWidget):
    """One cell per slice: blue is confident, orange is not, grey has no object.

    Triangles on top mark slices that were prompted or made by hand, the one at the
    bottom marks the slice shown. A click goes to the slice.

    Parameters
    ----------
    viewer : Viewer
        The viewer, whose theme gives the colours.
    """

    clicked = QtSignal(int)

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._cells: dict[int, Cell] = {}
        self._count = self._shown = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        """Return the preferred size: as wide as possible."""
        return QSize(200, HEIGHT)

    def show_cells(self, cells: Sequence[Cell], count: int, shown: int) -> None:
        """Show an object.

        Parameters
        ----------
        cells : sequence of Cell
            Confidence of each slice that has it.
        count : int
            Number of slices.
        shown : int
            The slice in view.
        """
        self._cells = {cell.z: cell for cell in cells}
        self._count, self._shown = count, shown
        self.update()

    def slice_at(self, x: float) -> int | None:
        """Return the slice whose cell is at a position; None if there are no slices."""
        if not self._count or not self.width():
            return None
        return min(max(int(x * self._count / self.width()), 0), self._count - 1)

    def text_of(self, z: int) -> str:
        """Return the confidence of a slice and its parts, as text."""
        cell = self._cells.get(z)
        if cell is None:
            return f"slice {z}: nothing"
        if cell.confidence is None:
            return f"slice {z}: prompted, or made by hand"
        parts = cell.parts
        lines = [f"slice {z}: confidence {cell.confidence:.2f}"]
        for name in ("stability", "overlap", "contrast", "agreement"):
            value = getattr(parts, name, None)
            if value is not None:
                lines.append(f"{name} {value:.2f}")
        return "\n".join(lines)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Go to the slice."""
        z = None if event is None else self.slice_at(event.position().x())
        if z is not None:
            self.clicked.emit(z)

    def event(self, event: QEvent | None) -> bool:
        """Show the text of the slice under the cursor as a tooltip."""
        if isinstance(event, QHelpEvent):
            z = self.slice_at(event.pos().x())
            if z is not None:
                QToolTip.showText(event.globalPos(), self.text_of(z), self)
            return True
        handled: bool = super().event(event)
        return handled

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw cells and marks, cells at least a pixel wide, low confidence on top."""
        from napari.utils.theme import get_theme

        theme = get_theme(self._viewer.theme)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        body = QRectF(0, MARKS, self.width(), HEIGHT - 2 * MARKS)
        painter.fillRect(body, QColor(theme.foreground.as_hex()))
        cells = self._cells.values()
        for cell in sorted(cells, key=_prompted_last)[::-1]:
            painter.fillRect(self._rect(cell.z), colour_of(cell.confidence))
        ink = QColor(theme.icon.as_hex())
        painter.setBrush(ink)
        for cell in cells:
            if cell.confidence is None:
                self._draw_mark(painter, cell.z, top=True)
        if self._count:
            self._draw_mark(painter, self._shown, top=False)
        painter.end()

    def _rect(self, z: int) -> QRectF:
        width = self.width() / max(self._count, 1)
        gap = 1.0 if width >= 4 else 0.0  # single cells are seen where there is room
        return QRectF(z * width, MARKS, max(width - gap, 1.0), HEIGHT - 2 * MARKS)

    def _draw_mark(self, painter: QPainter, z: int, *, top: bool) -> None:
        x = self._rect(z).center().x()
        base, tip = (0.0, MARKS - 1.0) if top else (HEIGHT, HEIGHT - MARKS + 1.0)
        corners = [QPointF(x - 4, base), QPointF(x + 4, base), QPointF(x, tip)]
        painter.drawPolygon(QPolygonF(corners))


def _prompted_last(cell: Cell) -> float:
    return 2.0 if cell.confidence is None else cell.confidence


def colour_of(confidence: float | None) -> QColor:
    """Return the colour of a confidence; prompted slices count as certain."""
    value = 1.0 if confidence is None else min(max(confidence, 0.0), 1.0)
    for (low, first), (high, last) in pairwise(_COLOURS):
        if value <= high:
            share = (value - low) / (high - low)
            ends = QColor(first).getRgb()[:3], QColor(last).getRgb()[:3]
            rgb = (round(a + (b - a) * share) for a, b in zip(*ends, strict=True))
            return QColor(*rgb)
    return QColor(_COLOURS[-1][1])
