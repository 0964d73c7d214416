"""The prompts section: tools of the mouse, and batches over a layer of prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels, Points, Shapes
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout

from napari_hqsam.viewer.parts.fields import (
    choice,
    progress_bar,
    show_progress,
    switch,
)
from napari_hqsam.viewer.parts.forms import Section, bar, button, tool_button
from napari_hqsam.viewer.parts.keys import KEYS
from napari_hqsam.viewer.preferences import save_preference
from napari_hqsam.viewer.tools import TOOLS

if TYPE_CHECKING:
    from qtpy.QtWidgets import QPushButton

    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.objects.layer_prompts import PromptBatch
    from napari_hqsam.viewer.session.controller import SessionController


class PromptSection(Section):
    """Tools and settings of prompts; `bar` has the tools, and is shown apart.

    Parameters
    ----------
    controller : InferenceController
    sessions : SessionController
    batches : PromptBatch
    """

    def __init__(
        self,
        controller: InferenceController,
        sessions: SessionController,
        batches: PromptBatch,
    ) -> None:
        super().__init__("Prompts", "How the object is marked", is_open=True)
        self.controller, self.sessions, self.batches = controller, sessions, batches
        self.bar = bar(self._tool_row())
        self.rows.addLayout(self._switches())
        self.scale = choice(controller.settings, "scale")
        self.source = self.layer_choice(
            *(Points, Shapes, Labels),
            tip="Points, Shapes or Labels layer: one object per point, shape or label",
            skip=controller.scene.is_own_layer,
        )
        form = self.form()
        form.addRow("scale by", self.scale.native)
        form.addRow("from layer", self.source.native)
        self._add_batch()
        controller.settings.events.tool.connect(self.refresh)
        batches.progress.connect(self._on_progress)
        self.source.changed.connect(self._show_run)
        self._show_run()
        self.refresh()

    def _tool_row(self) -> QHBoxLayout:
        self.group = QButtonGroup(self)
        self.tools: dict[str, QPushButton] = {}
        row = QHBoxLayout()
        row.setSpacing(2)
        key = KEYS["next_tool"].key
        for name, tool in TOOLS.items():
            tip = f"{tool.title}: {tool.tip}\nKey: {key} takes the next tool"
            made = tool_button(name, tool.title, tip)
            made.clicked.connect(lambda _=False, n=name: self._on_tool(n))
            self.group.addButton(made)
            self.tools[name] = made
            row.addWidget(made)
        return row

    def _switches(self) -> QHBoxLayout:
        settings, row = self.controller.settings, QHBoxLayout()
        by_click = switch(settings, "accept_on_click")
        # A preference only where the user clicks here, not where a session sets it.
        by_click.native.clicked.connect(
            lambda on: save_preference("accept_on_click", on)
        )
        hover_key = KEYS["toggle_hover"].key
        for made in (
            switch(settings, "negative"),
            switch(settings, "hover", hover_key),
            by_click,
        ):
            row.addWidget(made.native)
        return row

    def _add_batch(self) -> None:
        self.run = button(
            "",
            "Segment one object for each point, shape or label that the layer has\n"
            "on the plane shown",
            self._run,
            icon="batch",
        )
        self.progress = progress_bar("Prompts that are done")
        self.rows.addWidget(self.run)
        self.rows.addWidget(self.progress.native)

    def reset_choices(self) -> None:
        """Update the list of layers, and the text of the button."""
        super().reset_choices()
        self._show_run()

    def _show_run(self) -> None:
        """Update the text of the button to the kind of layer."""
        kind = type(self.source.value).__name__.lower()
        what = {"points": "point", "shapes": "shape", "labels": "label"}
        text = f"One object per {what.get(kind, 'point')}"
        self.run.setText("Cancel" if self.batches.running else text)

    def refresh(self) -> None:
        """Show which tool is active."""
        tool = self.controller.settings.tool
        self.group.setExclusive(False)
        for name, made in self.tools.items():
            made.setChecked(name == tool)
        self.group.setExclusive(True)

    def _on_tool(self, tool: str) -> None:
        self.controller.settings.tool = tool
        self.controller.tools.activate()  # where the image is active, its own layer
        self.refresh()

    def _run(self) -> None:
        if self.batches.running:
            self.batches.cancel()
        elif self.source.value is not None:
            self.batches.run(self.source.value)
        else:
            self.sessions.message.emit("Choose a Points, Shapes or Labels layer first")

    def _on_progress(self, done: int, total: int) -> None:
        self.progress.visible = total > 0
        self._show_run()
        if total:
            self.run.setText("Cancel")
            show_progress(self.progress, done / total, f"{done} of {total}")
