"""The panel of proposals: which are shown, and what is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from superqt import QLabeledSlider

from napari_hqsam.viewer.canvas.proposal_layer import STEPS
from napari_hqsam.viewer.parts.forms import button, label, tool_button
from napari_hqsam.viewer.parts.keys import KEYS
from napari_hqsam.viewer.proposals.proposal_set import Status
from napari_hqsam.viewer.proposals.state import TOOLS
from napari_hqsam.viewer.widget_options import options_of

if TYPE_CHECKING:
    from qtpy.QtWidgets import QPushButton

    from napari_hqsam.viewer.proposals.controller import ProposalController
    from napari_hqsam.viewer.proposals.state import ReviewTool


class ProposalPanel(QWidget):
    """Counts, the slider of quality, tools and buttons; hidden without proposals.

    Parameters
    ----------
    proposals : ProposalController
    """

    def __init__(self, proposals: ProposalController) -> None:
        super().__init__()
        self.proposals, self.state = proposals, proposals.state
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        self.count = label(
            "", "Proposals on the plane shown; they are not in the labels"
        )
        # In whole steps: superqt's slider of floats does not react to keys.
        self.least = QLabeledSlider(Qt.Orientation.Horizontal)
        self.least.setRange(0, STEPS)
        self.least.setToolTip(options_of(self.state, "least").tip)
        self.least.valueChanged.connect(self._on_least)
        rows.addWidget(self.count)
        rows.addLayout(self._slider_row())
        rows.addLayout(self._tool_row())
        rows.addLayout(self._buttons())
        proposals.changed.connect(self.refresh)
        self.refresh()

    def _slider_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(label("quality, %"), 1)
        row.addWidget(self.least, 3)
        return row

    def _tool_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2)
        self.tools: dict[ReviewTool, QPushButton] = {}
        for name, (title, tip) in TOOLS.items():
            made = tool_button("", title, f"{tip}.\nIt accepts; with Shift it rejects")
            made.clicked.connect(lambda _=False, n=name: self.proposals.use_tool(n))
            self.tools[name] = made
            row.addWidget(made)
        return row

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        key = KEYS["accept_shown"]
        accept = button(
            f"{key.title} ({key.key})",
            "Make objects of all proposals that are shown: one step of undo",
            self.proposals.accept_shown,
            icon="accept",
        )
        row.addWidget(accept, 3)
        clear = button(
            "Clear",
            "Drop the proposals on the image. Rejected ones may be proposed again",
            self.proposals.clear,
        )
        row.addWidget(clear, 1)
        return row

    def refresh(self) -> None:
        """Show the counts, the quality and the tool."""
        here, tool = self.proposals.here, self.proposals.tool
        self.setVisible(bool(here))
        if here is None:
            return
        count, rejected = len(here.open.masks), here.count(Status.REJECTED)
        shown = len(here.shown(self.state.least))
        text = f"{shown} of {count} proposals shown" if count else "No proposals left"
        self.count.setText(f"{text}, {rejected} rejected" if rejected else text)
        with QSignalBlocker(self.least):
            self.least.setValue(round(self.state.least * STEPS))
        for name, made in self.tools.items():
            made.setChecked(name == tool)

    def _on_least(self, step: int) -> None:
        self.state.least = step / STEPS
