"""Small parts of the views: widgets tied to a setting, sections that fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGridLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_hqsam.viewer.icons import mark
from napari_hqsam.viewer.keys import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_hqsam.viewer.stack_state import StackState
    from napari_hqsam.viewer.state import Settings


class Section(QCollapsible):
    """One section of the widget, which folds away.

    Parameters
    ----------
    title : str
    tip : str
    """

    def __init__(self, title: str, tip: str, *, is_open: bool) -> None:
        super().__init__(title)
        self.setToolTip(tip)
        self.setDuration(0)  # what grows slowly is in the way
        # Its own frame and margins take room that a laptop has not.
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(2)
        self.body = QWidget()
        self.rows = QVBoxLayout(self.body)
        self.rows.setContentsMargins(6, 0, 2, 4)
        self.rows.setSpacing(4)
        self.addWidget(self.body)
        if is_open:
            self.expand(animate=False)
        else:
            self.collapse(animate=False)

    def form(self) -> QFormLayout:
        """Add rows of label and field."""
        layout = QFormLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self.rows.addLayout(layout)
        return layout


def choice(
    settings: Settings | StackState,
    name: str,
    options: Sequence[tuple[str, object, str]],
    tip: str,
) -> QComboBox:
    """Combo box for a setting, both ways.

    Parameters
    ----------
    settings : Settings or StackState
    name : str
        Of the setting.
    options : sequence of (text, value, tip)
    tip : str
    """
    box = narrow(QComboBox())
    for text, value, explanation in options:
        box.addItem(text, value)
        box.setItemData(box.count() - 1, explanation, Qt.ItemDataRole.ToolTipRole)
    box.setToolTip(tip)

    def show(value: object) -> None:
        with QSignalBlocker(box):
            box.setCurrentIndex(box.findData(value))

    show(getattr(settings, name))
    box.activated.connect(lambda i: setattr(settings, name, box.itemData(i)))
    getattr(settings.events, name).connect(show)
    return box


def switch(settings: Settings, name: str, text: str, tip: str) -> QCheckBox:
    """Check box for a setting, both ways."""
    box = QCheckBox(text)
    box.setToolTip(tip)

    def show(value: bool) -> None:
        with QSignalBlocker(box):
            box.setChecked(value)

    show(getattr(settings, name))
    box.toggled.connect(lambda on: setattr(settings, name, on))
    getattr(settings.events, name).connect(show)
    return box


def narrow(box: QComboBox) -> QComboBox:
    """Keep a combo box from growing with its longest entry."""
    box.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    box.setMinimumContentsLength(4)
    return box


def button(
    text: str, tip: str, call: Callable[[], Any], *, icon: str = ""
) -> QPushButton:
    """Button with a text and perhaps an icon."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    made.setAutoDefault(False)
    made.clicked.connect(lambda: call())
    return mark(made, icon) if icon else made


def tool_button(icon: str, tip: str) -> QPushButton:
    """Button that stays pressed, with an icon alone."""
    made = QPushButton()
    made.setToolTip(tip)
    made.setCheckable(True)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return mark(made, icon)


def actions(columns: int, *named: tuple[str, str, Callable[[], Any]]) -> QGridLayout:
    """Buttons of actions that have keys.

    Parameters
    ----------
    columns : int
    *named : (name, tip, call)
        The name is one of `KEYS`.
    """
    grid = QGridLayout()
    grid.setSpacing(3)
    for i, (name, tip, call) in enumerate(named):
        key = KEYS[name]
        made = button(
            f"{key.title} ({key.key})", f"{tip}\nKey: {key.key}", call, icon=name
        )
        grid.addWidget(made, i // columns, i % columns)
    return grid


def label(text: str = "", tip: str = "") -> QLabel:
    """Label that wraps, so that it never widens the widget."""
    made = QLabel(text)
    made.setWordWrap(True)
    made.setToolTip(tip)
    return made
