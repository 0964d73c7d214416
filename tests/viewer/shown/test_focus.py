"""Keys work wherever the focus is, but where letters are typed."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QScrollArea,
)

KINDS = QAbstractButton, QAbstractSpinBox, QComboBox


@pytest.fixture
def shown(viewer, hand):
    """The widget in a window that has the focus."""
    window = viewer.window._qt_window
    window.show()
    window.activateWindow()
    for section in hand.widget.sections.values():
        section.expand(animate=False)
    hand.wait(lambda: QApplication.activeWindow() is not None)
    yield hand
    window.hide()


def focus(hand, part):
    part.setFocus()
    hand.wait(lambda: QApplication.focusWidget() is part)


def press(hand, key, modifiers=Qt.KeyboardModifier.NoModifier):
    """Press a key where the focus is."""
    QTest.keyClick(QApplication.focusWidget(), key, modifiers)
    hand.wait()


def controls(hand):
    scroll = hand.widget.findChild(QScrollArea)
    for kind in KINDS:
        for part in hand.widget.findChildren(kind):
            can = part.focusPolicy() & Qt.FocusPolicy.TabFocus
            if part.isVisible() and part.isEnabled() and can and part is not scroll:
                yield part


def test_keys_work_after_every_control_had_the_focus(shown):
    parts = list(controls(shown))
    assert len(parts) > 25
    for part in parts:
        focus(shown, part)
        choice = part.currentIndex() if isinstance(part, QComboBox) else None
        for expected in (False, True):
            press(shown, Qt.Key.Key_G)
            assert shown.settings.hover == expected, part.toolTip()
        if choice is not None:
            assert part.currentIndex() == choice, part.toolTip()


def test_an_object_is_accepted_and_undone_from_a_combo_box(shown):
    shown.click(20, 20)
    focus(shown, shown.widget.sections["prompts"].scale.native)
    press(shown, Qt.Key.Key_N)
    assert (shown.labels > 0).sum() == 400
    press(shown, Qt.Key.Key_U)
    assert not shown.labels.any()
    press(shown, Qt.Key.Key_U, Qt.KeyboardModifier.ShiftModifier)
    assert (shown.labels > 0).sum() == 400


def test_the_keys_work_in_the_rest_of_the_window(viewer, shown):
    window = viewer.window._qt_window
    tried = 0
    for part in window.findChildren(QComboBox):
        if part.isVisible() and not shown.widget.isAncestorOf(part):
            focus(shown, part)
            press(shown, Qt.Key.Key_G)
            assert not shown.settings.hover
            shown.settings.hover = True
            tried += 1
    assert tried


def test_letters_are_typed_where_letters_belong(viewer, shown):
    field = QLineEdit(shown.widget)
    field.show()
    focus(shown, field)
    press(shown, Qt.Key.Key_G)
    press(shown, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert field.text().lower() == "gn"
    assert shown.settings.hover
    assert not shown.notes


def test_one_press_on_the_canvas_is_one_press(shown):
    focus(shown, shown.canvas)
    press(shown, Qt.Key.Key_G)
    assert not shown.settings.hover
    press(shown, Qt.Key.Key_G)
    assert shown.settings.hover


def test_other_keys_are_left_to_the_control(shown):
    box = shown.widget.sections["labels"].overlap.native
    focus(shown, box)
    press(shown, Qt.Key.Key_Down)
    assert box.currentIndex() == 1
    assert shown.settings.overlap == "overwrite"


def test_keys_end_with_the_widget(viewer, shown):
    box = next(
        part
        for part in viewer.window._qt_window.findChildren(QComboBox)
        if part.isVisible() and not shown.widget.isAncestorOf(part)
    )
    focus(shown, box)
    settings = shown.settings
    viewer.window.remove_dock_widget(shown.widget)
    QTest.keyClick(box, Qt.Key.Key_G)
    assert settings.hover
