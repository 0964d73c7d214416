"""The dock widget: puts models, controllers and views together.

Opens without torch: the worker imports it on its own thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from napari_hqsam.viewer.controller import Controller
from napari_hqsam.viewer.forms import Section, label
from napari_hqsam.viewer.keys import KEYS, bind, unbind
from napari_hqsam.viewer.objects import Objects
from napari_hqsam.viewer.preferences import preferred_settings
from napari_hqsam.viewer.sections import (
    ImageSection,
    ModelSection,
    ObjectSection,
    PromptSection,
    TargetSection,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_hqsam.viewer.state import Tool

_TOOLS: tuple[Tool, ...] = ("point", "box", "scribble", "outline", "edit")


class HqsamWidget(QScrollArea):
    """Click, see, accept.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The name by which napari hands it over.
    synchronous : bool
        Answer on the main thread, at once: for tests.
    """

    def __init__(
        self,
        napari_viewer: Viewer,
        parent: QWidget | None = None,
        *,
        synchronous: bool = False,
    ) -> None:
        self._closed = self._docked = False
        super().__init__(parent)
        self.viewer = viewer = napari_viewer
        self.controller = Controller(
            viewer, preferred_settings(), synchronous=synchronous, parent=self
        )
        self.objects = Objects(self.controller)
        self._build()
        bind(
            viewer,
            {
                "accept": self.objects.accept,
                "reject": self.objects.reject,
                "next_candidate": self.controller.next_candidate,
                "next_output": self.controller.next_output,
                "undo": self.objects.undo,
                "reopen": self.objects.reopen,
                "next_tool": self.next_tool,
                "toggle_hover": self.toggle_hover,
                "merge": self.objects.merge,
                "split": self.objects.split,
                "delete": self.objects.delete,
            },
        )
        self.controller.scene.layers_changed.connect(self._on_layers)
        # With the viewer Qt deletes its children without a word to them.
        self.destroyed.connect(self.controller.worker.close)
        self.destroyed.connect(self.objects.files.close)
        self._on_layers()

    def _build(self) -> None:
        self.setObjectName("napari-hqsam")
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        body = QWidget()
        rows = QVBoxLayout(body)
        rows.setContentsMargins(4, 2, 4, 2)
        rows.setSpacing(2)
        controller, objects = self.controller, self.objects
        self.sections: dict[str, Section] = {
            "image": ImageSection(controller),
            "model": ModelSection(controller, objects),
            "prompts": PromptSection(controller, objects),
            "object": ObjectSection(controller, objects),
            "labels": TargetSection(controller, objects),
            "keys": _keys_section(),
        }
        for section in self.sections.values():
            rows.addWidget(section)
        rows.addStretch()
        self.setWidget(body)
        self.setMinimumWidth(280)

    def sizeHint(self) -> QSize:
        """Narrow enough for a laptop."""
        return QSize(330, 720)

    def next_tool(self) -> None:
        """Take the next tool in the hand."""
        tool = self.controller.settings.tool
        at = _TOOLS.index(tool) if tool in _TOOLS else -1
        self.controller.settings.tool = _TOOLS[(at + 1) % len(_TOOLS)]

    def toggle_hover(self) -> None:
        """Outline what is under the cursor, or do not."""
        self.controller.settings.hover = not self.controller.settings.hover

    def _on_layers(self) -> None:
        """Begin with the image that is there, or the first that comes."""
        scene = self.controller.scene
        if scene.image is not None:
            return
        active = self.viewer.layers.selection.active
        images = [active, *reversed(self.viewer.layers)]
        image = next((layer for layer in images if _is_image(layer)), None)
        if image is not None:
            scene.use(image)
            self.controller.settings.tool = "point"

    def close_down(self) -> None:
        """Stop the work and leave the viewer as it was, but for the labels."""
        if not self._closed:
            self._closed = True
            unbind(self.viewer)
            self.objects.close()
            self.controller.close()

    def event(self, event: QEvent | None) -> bool:
        """Close down with the window, or when napari takes the widget out of it.

        A dock widget that is closed only loses its parent.
        """
        kind = None if event is None else event.type()
        if kind in (QEvent.Type.Close, QEvent.Type.DeferredDelete):
            self.close_down()
        elif kind == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:
                self.close_down()
                self.deleteLater()
        handled: bool = super().event(event)
        return handled


def _is_image(layer: object) -> bool:
    from napari.layers import Image

    return isinstance(layer, Image)


def _keys_section() -> Section:
    section = Section("Keys", "Keys on the canvas", is_open=False)
    lines = [
        f"<tr><td><b>{key}</b>&nbsp;&nbsp;</td><td>{text}</td></tr>"
        for key, text in KEYS.values()
    ]
    lines.append(
        "<tr><td><b>Shift</b>&nbsp;&nbsp;</td><td>click or scribble: "
        "not the object</td></tr>"
    )
    section.rows.addWidget(label(f"<table>{''.join(lines)}</table>"))
    return section
