"""The dock widget: creates models, controllers and views, and connects them.

Opens without torch, which the worker imports on its own thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_hqsam.viewer.batch.controller import BatchController
from napari_hqsam.viewer.canvas.connections import Connections
from napari_hqsam.viewer.canvas.mouse.display_3d import Display3D
from napari_hqsam.viewer.canvas.prompts.layers import load_layers
from napari_hqsam.viewer.images.file_place import FilePlace
from napari_hqsam.viewer.images.image_switcher import ImageSwitcher
from napari_hqsam.viewer.inference.alternatives import Alternatives
from napari_hqsam.viewer.inference.controller import InferenceController
from napari_hqsam.viewer.inference.scene_changes import SceneChanges
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.objects.acceptor import Acceptor
from napari_hqsam.viewer.objects.click_classifier import ClickClassifier
from napari_hqsam.viewer.objects.layer_prompts import PromptBatch
from napari_hqsam.viewer.objects.object_actions import ObjectActions
from napari_hqsam.viewer.objects.object_writer import ObjectWriter
from napari_hqsam.viewer.objects.pending_accepts import PendingAccepts
from napari_hqsam.viewer.objects.undo import Undo
from napari_hqsam.viewer.parts import icons
from napari_hqsam.viewer.parts.focus_keys import FocusKeys
from napari_hqsam.viewer.parts.forms import Section, button
from napari_hqsam.viewer.parts.keys import bind, unbind
from napari_hqsam.viewer.parts.section_area import Sections
from napari_hqsam.viewer.parts.wheel import WheelScrolls
from napari_hqsam.viewer.preferences import preferred_settings
from napari_hqsam.viewer.proposals.controller import ProposalController
from napari_hqsam.viewer.saving.closing import ClosingWaits
from napari_hqsam.viewer.saving.label_saver import LabelSaver
from napari_hqsam.viewer.saving.session_recovery import SessionRestorer
from napari_hqsam.viewer.sections import (
    BatchSection,
    ChannelQuestion,
    ImageSection,
    KeysSection,
    LabelsSection,
    ModelSection,
    ObjectSection,
    PlaceQuestion,
    PromptSection,
    SessionSection,
    StackSection,
)
from napari_hqsam.viewer.sections.find_all import FindAll
from napari_hqsam.viewer.sections.proposals import ProposalPanel
from napari_hqsam.viewer.session.controller import SessionController
from napari_hqsam.viewer.session.layer_changes import LayerChanges
from napari_hqsam.viewer.session.napari_saves import NapariSaves
from napari_hqsam.viewer.stack.controller import StackController
from napari_hqsam.viewer.tools import TOOLS
from napari_hqsam.worker import Priority, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer


class HqsamWidget(QWidget):
    """The panel of HQ-SAM.

    What is needed for every object (tools, accept, reject, undo, save) is always in
    view; the other settings are in sections below, which scroll.

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
        self._closed = self._docked = self._loaded = False
        self.sections: dict[str, Section] = {}
        super().__init__(parent)
        # napari hands over a proxy that makes another proxy of a layer each time,
        # but its events tell the layers themselves: which layer is which could not
        # be told by `is`, `id` or `type`.
        self.viewer = viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.controller = InferenceController(
            viewer, preferred_settings(), synchronous=synchronous, parent=self
        )
        controller = self.controller
        self.alternatives = Alternatives(controller)
        self._scene_changes = SceneChanges(controller)
        self.files = Worker(controller.to_main, synchronous=synchronous)
        self.sessions = SessionController(
            controller.scene, controller.engine, controller.worker, self.files, self
        )
        self._layer_changes = LayerChanges(controller.scene, self.sessions)
        self._napari_saves = NapariSaves(self.sessions)
        writer = ObjectWriter(controller.settings, controller.outline.finished)
        self.acceptor = acceptor = Acceptor(controller, self.sessions, writer)
        self._pending_accepts = PendingAccepts(controller, self.sessions)
        self.undo = Undo(acceptor, controller, self.sessions, writer)
        self._clicks = ClickClassifier(
            controller, acceptor, self.undo, self.sessions.message.emit
        )
        self.objects = ObjectActions(controller, self.sessions, acceptor)
        self.batches = PromptBatch(controller, self.sessions, writer)
        self.proposals = ProposalController(controller, self.sessions, self.undo)
        self.stacks = StackController(controller, self.sessions, writer, self.proposals)
        self.jobs = BatchController(
            controller, self.stacks.state, self.files, self.sessions.message.emit
        )
        self.image_switcher = ImageSwitcher(controller, self.sessions)
        self.restorer = SessionRestorer(
            controller.scene, self.sessions, self.files, self.image_switcher.work_on
        )
        self.saver = LabelSaver(
            controller.scene,
            self.sessions,
            self.files,
            lambda: controller.current.mask is not None,
        )
        self._closing = ClosingWaits(self, self.saver)
        self._build()
        self._of_viewer = Connections()
        self._of_viewer.add(viewer.events.theme, self._on_theme)
        actions = self._actions()
        bind(viewer, actions)
        self._focus_keys = FocusKeys(self, actions)
        self.display = Display3D(controller.scene)
        self.display.message.connect(lambda text: self.sessions.message.emit(text))
        # Qt deletes the children of a viewer without a close event.
        self.destroyed.connect(controller.worker.close)
        self.destroyed.connect(self.files.close)
        # Own layers are recorded as such only after napari's event of their insertion.
        controller.scene.layers_changed.connect(self.reset_choices)
        controller.scene.image_changed.connect(self._load_layers)
        self.image_switcher.begin()
        if controller.scene.image is None:
            self._load_layers()
        self.restorer.find_unsaved_sessions()

    def _actions(self) -> dict[str, Callable[[], object]]:
        """Return the actions of the keys, by their names in `KEYS`."""
        objects = self.objects
        return {
            "accept": self.acceptor.accept,
            "reject": self.acceptor.reject,
            "next_candidate": self.alternatives.next_candidate,
            "next_output": self.alternatives.next_output,
            "undo": self.undo.undo,
            "redo": self.undo.redo,
            "reopen": objects.reopen,
            "next_tool": self.next_tool,
            "toggle_hover": self.toggle_hover,
            "merge": objects.merge,
            "split": objects.split,
            "clean": objects.clean,
            "delete": objects.delete,
            "follow": self.stack_section.toggle,
            "worst": self.stacks.worst,
            "accept_shown": self.proposals.accept_shown,
        }

    def _build(self) -> None:
        self.setObjectName("napari-hqsam")
        controller, acceptor = self.controller, self.acceptor
        self.stack_section = StackSection(controller, self.stacks)
        prompts = PromptSection(controller, self.sessions, self.batches)
        self.find_all = FindAll(self.stacks)
        self.review = ProposalPanel(self.proposals)
        prompts.rows.addWidget(self.find_all)
        prompts.rows.addWidget(self.review)
        current = ObjectSection(controller, self.alternatives, acceptor)
        session = SessionSection(
            self.sessions,
            self.undo,
            self.saver,
            self.restorer,
            self.image_switcher,
        )
        self.sections = {
            "session": session,
            "image": ImageSection(controller, self.image_switcher),
            "model": ModelSection(controller, self.files),
            "prompts": prompts,
            "object": current,
            "stack": self.stack_section,
            "batch": BatchSection(controller.scene, self.jobs),
            "labels": LabelsSection(controller, self.sessions, self.objects),
            "keys": KeysSection(),
        }
        rows = QVBoxLayout(self)
        rows.setContentsMargins(4, 4, 4, 2)
        rows.setSpacing(3)
        channels = ChannelQuestion(self.image_switcher)
        place = PlaceQuestion(FilePlace(controller.scene))
        self.sample = button(
            "Open the sample image",
            "Fluorescence nuclei to try it on",
            lambda: self.viewer.open_sample("napari-hqsam", "cells"),
        )
        top = channels, place, prompts.bar, current.status, self.sample
        for part in (*top, current.bar, session.bar):
            rows.addWidget(part)
        rows.addWidget(Sections(self.sections.values()), 1)
        rows.addWidget(session.status)
        controller.scene.image_changed.connect(self._offer_sample)
        self._offer_sample()
        icons.draw_icons(self, self.viewer)
        WheelScrolls(self)

    def _offer_sample(self) -> None:
        self.sample.setHidden(self.controller.scene.image is not None)

    def sizeHint(self) -> QSize:
        """Return no more than the minimum width, for small screens."""
        return QSize(self.minimumSizeHint().width(), 720)

    def reset_choices(self, event: object = None) -> None:
        """Update all lists of layers; napari calls it when layers change."""
        if not self._closed:
            for section in self.sections.values():
                section.reset_choices()

    def next_tool(self) -> None:
        """Activate the next tool."""
        tools, tool = list(TOOLS), self.controller.settings.tool
        at = tools.index(tool) if tool in tools else -1
        self.controller.settings.tool = tools[(at + 1) % len(tools)]
        self.controller.tools.activate()

    def toggle_hover(self) -> None:
        """Switch hover on or off."""
        self.controller.settings.hover = not self.controller.settings.hover

    def _on_theme(self, event: object) -> None:
        icons.draw_icons(self, self.viewer)

    def _load_layers(self) -> None:
        """Import what layers need; again if another image cancelled the first try."""
        if not self._loaded and not self._closed:
            done = self._on_loaded, self._on_not_loaded
            self.controller.worker.submit(
                Priority.CLICK, "layers", lambda _: load_layers(), *done
            )

    def _on_loaded(self, nothing: None = None) -> None:
        self._loaded = self.controller.tools.ready_for_layers = True
        self.controller.tools.activate_first()

    def _on_not_loaded(self, error: Exception) -> None:
        notify(error)
        self._on_loaded()

    def close_down(self) -> None:
        """Stop all work, and remove everything from the viewer but the labels."""
        if not self._closed:
            self._closed = True
            self._of_viewer.close()
            unbind(self.viewer)
            self._focus_keys.close()
            self.image_switcher.close()
            self.proposals.close()
            self.display.close()
            self._pending_accepts.finish()
            self._closing.wait()
            self.restorer.close()
            self.sessions.release_target()
            self.sessions.inactive.close()
            self.jobs.close()
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
                self.reset_choices()  # in the viewer that it is in now
            elif self._docked:
                self.close_down()
                self.deleteLater()
        handled: bool = super().event(event)
        return handled
