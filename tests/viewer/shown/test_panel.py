"""What is needed for every object is in view, on a laptop and in any font."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QRect
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollArea,
)

LAPTOPS = (1366, 768), (1440, 900)
FRAME = 20
"""Screen pixels that the title of a window takes."""
PARTS = QAbstractButton, QAbstractSpinBox, QComboBox, QLabel, QLineEdit


@pytest.fixture
def window(viewer):
    """The window, shown; as it was afterwards."""
    from napari.settings import get_settings

    window = viewer.window._qt_window
    size, theme = window.size(), viewer.theme
    font = get_settings().appearance.font_size
    yield window
    get_settings().appearance.font_size = font
    viewer.theme = theme
    window.resize(size)
    window.hide()


def laid_out(hand, window, width, height):
    window.resize(width, height - FRAME)
    window.show()
    for _ in range(3):  # sizes go from part to part by events
        QApplication.processEvents()
    hand.wait()


def on_screen(part):
    return QRect(part.mapToGlobal(QPoint(0, 0)), part.size())


def needed(hand):
    """Parts that every object needs, by their tooltips' first words."""
    buttons = hand.widget.findChildren(QAbstractButton)
    texts = ("Accept", "Reject", "Undo", "Redo", "Save")
    found = [b for b in buttons if b.text().startswith(texts) and b.isVisible()]
    assert {b.text().split()[0] for b in found} == set(texts)
    return [*found, *hand.widget.sections["prompts"].tools.values()]


def check(hand, window):
    area = on_screen(hand.widget) & on_screen(window)
    for part in needed(hand):
        name = part.text() or part.toolTip()
        assert part.isVisible(), name
        assert not part.visibleRegion().isEmpty(), name
        assert part.visibleRegion().boundingRect() == part.rect(), f"{name} is cut off"
        assert area.contains(on_screen(part)), f"{name} is cut off"
    # What scrolls is never cut off at the side, nor narrower than its text.
    scroll = hand.widget.findChild(QScrollArea).viewport()
    across = on_screen(scroll) & area
    for kind in PARTS:
        for part in scroll.findChildren(kind):
            if part.isVisible() and part.height():
                where, name = on_screen(part), f"{kind.__name__} {part.toolTip()}"
                assert across.left() <= where.left(), name
                assert where.right() <= across.right(), name
    for part in hand.widget.findChildren(QAbstractButton):
        if part.isVisible() and not part.isCheckable():
            assert part.width() >= part.sizeHint().width(), part.text()


@pytest.mark.parametrize("size", LAPTOPS, ids=["1366x768", "1440x900"])
@pytest.mark.parametrize("slices", [1, 24], ids=["plane", "stack"])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_cut_off_on_a_laptop(
    viewer, window, open_widget, squares, size, slices, theme
):
    viewer.theme = theme
    viewer.add_image(np.stack([squares] * slices) if slices > 1 else squares)
    hand = open_widget()
    laid_out(hand, window, *size)
    check(hand, window)
    hand.widget.sections["session"].show()  # as if something were left unsaved
    for section in hand.widget.sections.values():
        section.expand(animate=False)
    laid_out(hand, window, *size)
    check(hand, window)


@pytest.mark.parametrize("points", [7, 14, 18])
def test_sizes_adapt_to_the_font(viewer, window, open_widget, squares, points):
    from napari.settings import get_settings

    viewer.add_image(np.stack([squares] * 24), name="a_rather_long_name_" * 9)
    hand = open_widget()
    get_settings().appearance.font_size = points  # while the widget is open
    laid_out(hand, window, *LAPTOPS[0])
    check(hand, window)


def test_a_small_window_keeps_what_is_needed(viewer, window, open_widget, squares):
    viewer.add_image(np.stack([squares] * 24))
    hand = open_widget()
    laid_out(hand, window, 960, 600)
    check(hand, window)
