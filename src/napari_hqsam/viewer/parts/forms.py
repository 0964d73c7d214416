"""Small parts of the views: widgets tied to a setting, sections that fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGridLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_hqsam.viewer.parts.icons import mark
from napari_hqsam.viewer.parts.keys import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_hqsam.viewer.stack.state import StackState
    from napari_hqsam.viewer.state import Settings

_ARROWS = 62
"""Screen pixels that napari's two arrows and frame of a spin box take."""


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
        # A long title, such as an image's name, must not widen the panel.
        self.toggleButton().setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )
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


class SpinBox(QSpinBox):
    """Spin box as wide as its longest number; Qt forgets napari's own arrows."""

    def minimumSizeHint(self) -> QSize:
        """Wide enough in the font of now."""
        texts = (self.textFromValue(v) for v in (self.minimum(), self.maximum()))
        metrics = self.fontMetrics()
        longest = max(
            metrics.horizontalAdvance(f"{self.prefix()}{text}{self.suffix()}")
            for text in texts
        )
        hint = super().minimumSizeHint()
        return QSize(max(hint.width(), longest + _ARROWS), hint.height())

    def sizeHint(self) -> QSize:
        """As narrow as it may be."""
        return self.minimumSizeHint()


def button(
    text: str, tip: str, call: Callable[[], Any], *, icon: str = ""
) -> QPushButton:
    """Button with a text and perhaps an icon."""
    made = QPushButton(text)
    made.setToolTip(tip)
    # No narrower than its text, in whatever font napari is set to.
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    made.setAutoDefault(False)
    made.clicked.connect(lambda: call())
    return mark(made, icon) if icon else made


def tool_button(icon: str, tip: str) -> QPushButton:
    """Button that stays pressed, with an icon alone."""
    made = QPushButton()
    made.setToolTip(tip)
    made.setCheckable(True)
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
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


class _Wrapped(QLabel):
    """Label that wraps, never widens the panel, and keeps room for some lines."""

    def __init__(self, text: str, lines: int) -> None:
        super().__init__(text)
        self._lines = lines
        self.setWordWrap(True)
        policy = self.sizePolicy()
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def minimumSizeHint(self) -> QSize:
        """As high as its lines are in the font of now."""
        hint = super().minimumSizeHint()
        height = self._lines * self.fontMetrics().lineSpacing()
        return QSize(hint.width(), max(hint.height(), height))

    def heightForWidth(self, width: int) -> int:
        """As high as the text is, or the lines that it keeps room for."""
        return max(super().heightForWidth(width), self.minimumSizeHint().height())


def label(text: str = "", tip: str = "", *, lines: int = 1) -> QLabel:
    """Label that wraps.

    Parameters
    ----------
    text, tip : str
    lines : int
        Lines that it keeps room for, so that what is below stays where it is.
    """
    made = _Wrapped(text, lines)
    made.setToolTip(tip)
    return made


def bar(layout: QLayout) -> QWidget:
    """Widget of a layout, without margins."""
    made = QWidget()
    layout.setContentsMargins(0, 0, 0, 0)
    made.setLayout(layout)
    return made
