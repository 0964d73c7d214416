"""Make the pictures of the widget: every section, light and dark.

Usage: xvfb-run -a -s "-screen 0 1920x1080x24" python docs/screenshots.py FOLDER

What is shown was really done: the clicks are real ones on the canvas, and the
outlines those of the bundled model. The same pictures come out each time but for
the times that answers took.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer
    from qtpy.QtCore import Qt

    from napari_hqsam.viewer.widget import HqsamWidget

WIDE, LAPTOP = (1440, 900), (1366, 768)
SLICE = 12
"""Of the stack."""
CLICKS = (
    *((50, 122), (88, 63), (211, 205), (203, 297), (295, 145)),
    *((317, 240), (215, 45), (126, 225)),
)
"""(y, x) on nuclei of the sample that one click is enough for; it is not for all:
where nuclei touch, a second, negative one is needed."""


def main(folder: Path) -> None:
    """Make all pictures."""
    import napari

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as own:
        os.environ["NAPARI_HQSAM_SESSIONS"] = str(Path(own) / "sessions")
        os.environ["NAPARI_HQSAM_CACHE"] = str(Path(own) / "cache")
        viewer = napari.Viewer()
        viewer.window.resize(*WIDE)
        viewer.open_sample("napari-hqsam", "cells")
        _, widget = viewer.window.add_plugin_dock_widget("napari-hqsam", "HQ-SAM")
        widget.controller.settings.hover = False
        work(viewer, widget)
        for theme in ("dark", "light"):
            viewer.theme = theme
            pictures(viewer, widget, folder, theme)
        propose(viewer, widget, folder)
        follow(viewer, widget)
        for theme in ("dark", "light"):
            viewer.theme = theme
            stack_pictures(viewer, widget, folder, theme)
        viewer.close()


def work(viewer: Viewer, widget: HqsamWidget) -> None:
    """Accept some nuclei, and leave one open."""
    settle(lambda: widget.controller.scene.points is not None)
    for click in CLICKS:
        if widget.controller.current.mask is not None:
            widget.acceptor.accept()
        widget.controller.scene.points.add(click)
        settle(lambda: widget.controller.current.mask is not None)
    settle(lambda: not widget.controller.worker.busy)
    widget.sections["image"].look.click()
    settle(lambda: not widget.sections["image"].picture.pixmap().isNull())


def pictures(viewer: Viewer, widget: HqsamWidget, folder: Path, theme: str) -> None:
    """Picture the window, the window on a laptop, and each section."""
    settle(seconds=0.5)
    widget.sections["image"].picture.hide()
    for name, size in (("window", WIDE), ("laptop", LAPTOP)):
        viewer.window.resize(*size)
        settle(seconds=0.5)
        viewer.window.screenshot(str(folder / f"{name}-{theme}.png"), flash=False)
    widget.sections["image"].picture.show()
    for section in widget.sections.values():
        section.expand(animate=False)
    settle(seconds=0.5)
    for name, section in widget.sections.items():
        section.grab().save(str(folder / f"{name}-{theme}.png"))
    for name in ("image", "model", "keys"):
        widget.sections[name].collapse(animate=False)


def propose(viewer: Viewer, widget: HqsamWidget, folder: Path) -> None:
    """Propose the nuclei, accept four and reject one, and picture the window."""
    from qtpy.QtCore import Qt

    viewer.layers.remove(widget.sessions.target.layer)
    widget.acceptor.reject()
    for section in widget.sections.values():
        section.collapse(animate=False)
    widget.sections["prompts"].expand(animate=False)
    widget.find_all.propose.value = True
    widget.find_all.run.click()
    settle(lambda: widget.stacks.running)
    settle(lambda: not widget.stacks.running and not widget.proposals.busy)
    widget.review.tools["click"].click()
    widget.review.least.setValue(60)
    keys = Qt.KeyboardModifier
    held = [*[keys.NoModifier] * 4, keys.ShiftModifier]
    for (y, x), modifiers in zip(CLICKS, held, strict=False):
        click_on_canvas(viewer, y, x, modifiers)
        settle(lambda: not widget.proposals.busy)
    for theme in ("dark", "light"):
        viewer.theme = theme
        settle(seconds=0.5)
        viewer.window.screenshot(str(folder / f"proposals-{theme}.png"), flash=False)
    widget.proposals.clear()
    widget.find_all.propose.value = False


def click_on_canvas(
    viewer: Viewer, y: float, x: float, modifiers: Qt.KeyboardModifier
) -> None:
    """Click on a position of the image with the mouse."""
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest

    canvas = viewer.window._qt_viewer.canvas.native
    camera = viewer.scene.camera
    centre_y, centre_x = camera.center[-2:]
    dy, dx = camera.zoom * (y - centre_y), camera.zoom * (x - centre_x)
    at = QPoint(round(canvas.width() / 2 + dx), round(canvas.height() / 2 + dy))
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, modifiers, at)


def follow(viewer: Viewer, widget: HqsamWidget) -> None:
    """Follow a cell of the other sample through its stack."""
    import numpy as np

    viewer.layers.clear()
    (stack,) = viewer.open_sample("napari-hqsam", "stack")
    viewer.dims.set_point(0, SLICE * stack.scale[0])
    viewer.reset_view()
    settle(lambda: widget.controller.scene.points is not None)
    label = stack.data[SLICE] > 1600
    y, x = np.argwhere(label)[len(np.argwhere(label)) // 2]
    widget.controller.scene.points.add((SLICE, y, x))
    settle(lambda: widget.controller.current.mask is not None)
    for section in widget.sections.values():
        section.collapse(animate=False)
    for name in ("object", "stack", "session"):
        widget.sections[name].expand(animate=False)
    widget.stack_section.toggle()
    settle(lambda: not widget.stacks.running and bool(widget.stacks.cells()))
    widget.stacks.worst()


def stack_pictures(
    viewer: Viewer, widget: HqsamWidget, folder: Path, theme: str
) -> None:
    """Picture the section Stack, and the window of a laptop with it."""
    viewer.window.resize(*LAPTOP)
    settle(seconds=0.5)
    viewer.window.screenshot(str(folder / f"following-{theme}.png"), flash=False)
    widget.stack_section.grab().save(str(folder / f"stack-{theme}.png"))


def settle(until: Callable[[], bool] = lambda: False, seconds: float = 120) -> None:
    """Let things happen until something is so; or only for a while."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
