"""Entries of napari's menus."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer


def show_widget(viewer: Viewer) -> None:
    """Open the widget, or bring it to the front: for the menu Layers > Segment."""
    viewer.window.add_plugin_dock_widget("napari-hqsam", "HQ-SAM")
