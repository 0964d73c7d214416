"""The mouse wheel over the panel scrolls it, and changes no setting."""

import subprocess

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QScrollArea,
)

UP, DOWN = "4", "5"
"""What the X server calls the wheel."""


class Wheels(QObject):
    """Counts what comes from the wheel."""

    count = 0

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Wheel and event.spontaneous():
            self.count += watched.isWindowType()
        return False


@pytest.fixture
def shown(viewer, open_widget, squares):
    """The widget beside a stack, all its sections open, in a window with the focus."""
    viewer.add_image(np.stack([squares] * 24), name="stack")
    viewer.add_labels(np.zeros((24, *squares.shape), int))
    hand = open_widget()
    window = viewer.window._qt_window
    size = window.size()
    window.resize(1366, 748)
    window.show()
    window.activateWindow()
    for section in hand.widget.sections.values():
        section.expand(animate=False)
    hand.wait(lambda: QApplication.activeWindow() is not None)
    yield hand
    window.resize(size)
    window.hide()


def turn(hand, part, way):
    """Turn the wheel over the middle of a part, as the mouse does."""
    at = part.mapToGlobal(part.rect().center())
    below = QApplication.widgetAt(at)
    assert below is part or part.isAncestorOf(below), part.toolTip()
    wheels, app = Wheels(), QApplication.instance()
    app.installEventFilter(wheels)
    move = "mousemove", str(at.x()), str(at.y())
    subprocess.run(["xdotool", *move, "click", way], check=True)
    hand.wait(lambda: wheels.count)
    app.removeEventFilter(wheels)
    hand.wait()


def value_of(part):
    return part.currentIndex() if isinstance(part, QComboBox) else part.value()


def controls(hand, *kinds):
    for kind in kinds:
        for part in hand.widget.findChildren(kind):
            if part.isVisible() and part.isEnabled():
                yield part


def both_ways(hand, scroll, part):
    """Turn the wheel both ways; return whether the panel scrolled, and the values."""
    scroll.ensureWidgetVisible(part, 0, 60)
    bar, values = scroll.verticalScrollBar(), [value_of(part)]
    before, moved = bar.value(), False
    for way in (DOWN, UP):
        turn(hand, part, way)
        moved = moved or bar.value() != before
        values.append(value_of(part))
        bar.setValue(before)
    return moved, values


def test_the_wheel_scrolls_and_changes_nothing(shown):
    scroll = shown.widget.findChild(QScrollArea)
    parts = [*controls(shown, QComboBox, QAbstractSpinBox)]
    assert len(parts) > 12
    shown.canvas.setFocus()
    for part in parts:
        moved, values = both_ways(shown, scroll, part)
        assert len(set(values)) == 1, part.toolTip()
        assert moved, part.toolTip()
        assert not part.hasFocus(), part.toolTip()
    assert not shown.notes


def test_a_combo_box_with_the_focus_scrolls_too(shown):
    scroll = shown.widget.findChild(QScrollArea)
    for part in controls(shown, QComboBox):
        part.setFocus()
        moved, values = both_ways(shown, scroll, part)
        assert len(set(values)) == 1, part.toolTip()
        assert moved, part.toolTip()


def test_a_number_with_the_focus_takes_the_wheel(shown):
    scroll = shown.widget.findChild(QScrollArea)
    smooth = next(
        part
        for part in controls(shown, QAbstractSpinBox)
        if part.suffix().strip() == "px"
    )
    smooth.findChild(QLineEdit).setFocus()
    shown.wait(smooth.hasFocus)
    moved, values = both_ways(shown, scroll, smooth)
    assert values == [0, 0, 1]
    assert not moved
