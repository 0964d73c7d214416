"""Icons of the widget: black SVGs, shown in the colour of the theme."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, TypeVar

from qtpy.QtCore import QByteArray, QSize, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import QAbstractButton, QWidget
from superqt import QCollapsible

if TYPE_CHECKING:
    from napari.viewer import Viewer

SIDE = 16
"""Screen pixels."""
_SHARPNESS = 2  # pixels drawn per pixel of a usual screen
_NAME = "hqsam_icon"
_BLACK = "#000000"

Button = TypeVar("Button", bound=QAbstractButton)


def has_icon(name: str) -> bool:
    """Whether there is an icon of a name."""
    return files(__name__).joinpath(f"{name}.svg").is_file()


def set_icon_name(button: Button, name: str) -> Button:
    """Set which icon a button has; `draw_icons` draws it."""
    button.setProperty(_NAME, name)
    return button


def draw_icons(parent: QWidget, viewer: Viewer) -> None:
    """Draw the icons of buttons and the arrows of sections in the theme's colour."""
    from napari.utils.theme import get_theme

    colour = get_theme(viewer.theme).icon.as_hex(format="long")[:7]
    for button in parent.findChildren(QAbstractButton):
        name = button.property(_NAME)
        if name:
            button.setIcon(icon(name, colour))
            button.setIconSize(QSize(SIDE, SIDE))
    for section in parent.findChildren(QCollapsible):
        section.setCollapsedIcon(icon("folded", colour))
        section.setExpandedIcon(icon("unfolded", colour))


def icon(name: str, colour: str) -> QIcon:
    """Return an icon in a colour such as "#ffffff".

    Raises
    ------
    FileNotFoundError
        There is none of this name.
    """
    svg = files(__name__).joinpath(f"{name}.svg").read_text("utf-8")
    renderer = QSvgRenderer(QByteArray(svg.replace(_BLACK, colour).encode()))
    pixmap = QPixmap(SIDE * _SHARPNESS, SIDE * _SHARPNESS)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter)
    painter.end()
    pixmap.setDevicePixelRatio(_SHARPNESS)
    return QIcon(pixmap)
