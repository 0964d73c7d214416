"""Small widgets of Qt: sections that fold, buttons, labels.

Not magicgui's: its buttons fetch icons from a web service, and its labels neither wrap
nor adapt to the font size of napari.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize
from qtpy.QtWidgets import (
    QFormLayout,
    QGridLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_hqsam.viewer.parts.fields import LayerChoice
from napari_hqsam.viewer.parts.icons import has_icon, set_icon_name
from napari_hqsam.viewer.parts.keys import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer


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
        self.setDuration(0)  # no animation
        # A long title, such as an image's name, must not widen the panel.
        self.toggleButton().setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )
        # Its frame and margins take room that a laptop screen lacks.
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(2)
        self.body = QWidget()
        self.rows = QVBoxLayout(self.body)
        self.rows.setContentsMargins(6, 0, 2, 4)
        self.rows.setSpacing(4)
        self.addWidget(self.body)
        self._layer_choices: list[LayerChoice] = []
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

    def layer_choice(
        self,
        *kinds: type[Layer],
        tip: str,
        nothing: str = "",
        skip: Callable[[Layer], bool] = lambda _: False,
    ) -> LayerChoice:
        """Make a choice of a layer that follows the viewer, see `LayerChoice`."""
        made = LayerChoice(*kinds, tip=tip, nothing=nothing, skip=skip)
        self._layer_choices.append(made)
        return made

    def reset_choices(self) -> None:
        """Update all lists of layers."""
        for box in self._layer_choices:
            box.reset_choices()


def button(
    text: str, tip: str, call: Callable[[], Any], *, icon: str = ""
) -> QPushButton:
    """Make a button with a text and perhaps an icon."""
    made = QPushButton(text)
    made.setToolTip(tip)
    # No narrower than its text, in whatever font napari is set to.
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    made.setAutoDefault(False)
    made.clicked.connect(lambda: call())
    return set_icon_name(made, icon) if icon else made


def tool_button(icon: str, title: str, tip: str) -> QPushButton:
    """Make a checkable button with only an icon, or the title if there is none."""
    made = QPushButton()
    made.setToolTip(tip)
    made.setCheckable(True)
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    if not has_icon(icon):
        made.setText(title)
        return made
    return set_icon_name(made, icon)


def actions(columns: int, *named: tuple[str, str, Callable[[], Any]]) -> QGridLayout:
    """Make buttons for actions that have keys.

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
        """Return the minimum size: the height of its lines in the current font."""
        hint = super().minimumSizeHint()
        height = self._lines * self.fontMetrics().lineSpacing()
        return QSize(hint.width(), max(hint.height(), height))

    def heightForWidth(self, width: int) -> int:
        """Return the height of the text, at least that of the reserved lines."""
        return max(super().heightForWidth(width), self.minimumSizeHint().height())


def label(text: str = "", tip: str = "", *, lines: int = 1) -> QLabel:
    """Make a label that wraps.

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
    """Make a widget with a layout, without margins."""
    made = QWidget()
    layout.setContentsMargins(0, 0, 0, 0)
    made.setLayout(layout)
    return made
