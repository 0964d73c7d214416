"""The object section: status of the current object, its output and finishing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLabel

from napari_hqsam.viewer.canvas.mouse.display_3d import SAYS
from napari_hqsam.viewer.main_thread import timer
from napari_hqsam.viewer.parts.fields import choice, number, switch
from napari_hqsam.viewer.parts.forms import Section, actions, bar, label
from napari_hqsam.viewer.parts.keys import KEYS
from napari_hqsam.viewer.tools import BOX, EDIT, TOOLS

if TYPE_CHECKING:
    from napari_hqsam.viewer.inference.alternatives import Alternatives
    from napari_hqsam.viewer.inference.controller import InferenceController
    from napari_hqsam.viewer.objects.acceptor import Acceptor
    from napari_hqsam.viewer.state import Uncertainty


_UNCERTAIN: dict[Uncertainty, str] = {
    "score": "<b>Uncertain</b>: ",
    "negative": "<b>Negative click inside</b>: ",
}
_TAKE = f"choose the tool Click ({KEYS['next_tool'].key}) and click on an object"
_LINK = "style='color: #3d8fd1'"  # to be read on light and on dark
_HELP = f"try <a {_LINK} href='box'>a box</a>, <a {_LINK} href='scale'>next scale</a>"
REVIEW = "Click on proposals to accept them; with Shift to reject them"
SLOW_MS = 400
"""Delay before the status says that an answer is under way."""


class ObjectSection(Section):
    """The object with the yellow outline; `status` and `bar` are shown apart.

    Parameters
    ----------
    controller : InferenceController
    alternatives : Alternatives
    acceptor : Acceptor
    """

    def __init__(
        self,
        controller: InferenceController,
        alternatives: Alternatives,
        acceptor: Acceptor,
    ) -> None:
        super().__init__("Object", "The object with the yellow outline", is_open=True)
        self.controller, self._alternatives = controller, alternatives
        self.status = label(
            "",
            "The IoU that the model predicts, and how little the "
            "mask depends on its threshold; both up to 1",
            lines=2,
        )
        self.status.linkActivated.connect(self._help)
        self._slow = timer(self, SLOW_MS, self._show_waiting)
        tip = f"Which mask is shown. Key {KEYS['next_output'].key} compares them"
        self.output = choice(controller.settings, "output", tip=tip)
        self.form().addRow(f"mask ({KEYS['next_output'].key})", self.output.native)
        self.rows.addLayout(self._finishing())
        next_candidate = alternatives.next_candidate
        candidate = "next_candidate", "Other candidate masks", next_candidate
        self.rows.addLayout(actions(1, candidate))
        self.bar = bar(
            actions(
                2,
                (
                    "accept",
                    "Put it into the target and begin the next",
                    acceptor.accept,
                ),
                ("reject", "Drop it and its prompts", acceptor.reject),
            )
        )
        controller.scene.image_changed.connect(self.refresh)
        controller.scene.plane_changed.connect(self.refresh)
        controller.scene.tool_changed.connect(self.refresh)
        controller.settings.events.tool.connect(self.refresh)
        events = controller.current.events
        for name in ("masks", "chosen", "uncertainty", "waiting", "label_id"):
            getattr(events, name).connect(self.refresh)
        self.refresh()

    def _finishing(self) -> QHBoxLayout:
        """Return the settings for specks, holes and the edge."""
        settings, row = self.controller.settings, QHBoxLayout()
        for made in (
            switch(settings, "clean"),
            switch(settings, "fill"),
        ):
            row.addWidget(made.native)
        row.addStretch()
        row.addWidget(QLabel("smooth"))
        row.addWidget(number(settings, "smooth"))
        return row

    def _show_waiting(self) -> None:
        if self.controller.current.waiting:
            self.status.setText("looking ...")

    def refresh(self) -> None:
        """Show size, score and uncertainty of the current object."""
        current = self.controller.current
        mask = current.mask
        if mask is None:
            if current.waiting:
                self._slow.start()
            else:
                self.status.setText(_instruction(self.controller))
            return
        which = ""
        if len(current.choices) > 1:
            number = sum(i <= current.chosen for i in current.choices)
            which = f"candidate {number} of {len(current.choices)}, "
        elif len(current.masks) > 1:
            which = "no other candidate differs, "
        shown = self.controller.shown
        label_id = None if shown is None else current.id_on(shown[0].in_layers)
        name = "" if label_id is None else f"object {label_id}: "
        unsure = "" if mask.complete else "; it continues beyond the tiles decoded"
        size = f"{name}{which}{mask.area} pixels{unsure}"
        score = f"score {mask.score:.2f}"
        if current.uncertainty:
            self.status.setText(
                f"{_UNCERTAIN[current.uncertainty]}{_HELP}<br>{score}, {size}"
            )
            return
        self.status.setText(
            f"{size}\n{score}, stability {mask.stability:.2f}, {current.seconds:.2f} s"
        )

    def _help(self, link: str) -> None:
        """Handle a click on a link of the status."""
        if link == "box":
            self.controller.settings.tool = BOX.name
        else:
            self._alternatives.next_scale()


def _instruction(controller: InferenceController) -> str:
    """Return what to do next while there is no current object."""
    scene, tool = controller.scene, controller.settings.tool
    if scene.image is None:
        return "No image is open. Open one (File > Open), or the sample:"
    if scene.viewer.dims.ndisplay == 3:
        return SAYS
    if not scene.is_visible():
        return f"{scene.image.name} is hidden. To show it, {_TAKE}"
    if not controller.tools.ready_for_layers:
        return "Getting ready ..."
    if scene.layers.proposals.is_active:
        return REVIEW
    if tool not in TOOLS:
        return f"The mouse does not prompt now: {_TAKE}"
    if tool != EDIT.name:
        return TOOLS[tool].hint
    return EDIT.tip if scene.prompts_on_plane() else f"{EDIT.hint}: {_TAKE}"
