"""Buttons for all objects of the plane shown: find all, all alike, refine all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_hqsam.viewer.parts.fields import (
    choice,
    progress_bar,
    show_progress,
    switch,
)
from napari_hqsam.viewer.parts.forms import button

if TYPE_CHECKING:
    from napari_hqsam.viewer.stack.controller import StackController


class FindAll(QWidget):
    """Buttons, where prompts come from, and a progress bar.

    Parameters
    ----------
    stacks : StackController
    """

    def __init__(self, stacks: StackController) -> None:
        super().__init__()
        self.stacks = stacks
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        self.run = button(
            "",
            "Find the objects of the plane shown without prompts; in view first.\n"
            "Accepted objects stay; all that is found is one step of undo.\n"
            "A whole stack: under Stack",
            self.toggle,
            icon="batch",
        )
        self.similar = button(
            "Find all like the accepted",
            "Find the objects of the plane shown that are like those accepted last,\n"
            "up to five of them, on any slice. The rest as for all objects",
            stacks.find_similar,
            icon="batch",
        )
        self.refine = button(
            "Refine the labels",
            "Segment each object of the target on the plane shown again from its own\n"
            "shape. The new outline is taken where it follows the edges better.\n"
            "One step of undo",
            stacks.refine,
            icon="clean",
        )
        self.progress = progress_bar("Tiles that are done, and the time left")
        self.proposer = choice(stacks.state, "proposer")
        row = QHBoxLayout()
        row.addWidget(self.run, 3)
        row.addWidget(self.proposer.native, 2)
        rows.addLayout(row)
        self.propose = switch(stacks.state, "propose")
        as_wide_as_its_text = QHBoxLayout()
        as_wide_as_its_text.addWidget(self.propose.native)
        as_wide_as_its_text.addStretch()
        rows.addLayout(as_wide_as_its_text)
        rows.addWidget(self.similar)
        rows.addWidget(self.refine)
        rows.addWidget(self.progress.native)
        stacks.changed.connect(self.refresh)
        stacks.progress.connect(self.refresh)
        stacks.advanced.connect(self._on_advanced)
        self.refresh()

    def toggle(self) -> None:
        """Start, or cancel."""
        if self.stacks.on_one_plane:
            self.stacks.cancel()
        else:
            self.stacks.find_all()

    def refresh(self) -> None:
        """Update the text of the button and the progress bar."""
        if self.stacks.on_one_plane:
            self.run.setText("Cancel")
        elif self.stacks.has_slices:
            self.run.setText("Find all on this slice")
        else:
            self.run.setText("Find all objects")
        for each in (self.similar, self.refine):
            each.setEnabled(not self.stacks.running)
        self.progress.visible = self.stacks.on_one_plane

    def _on_advanced(self, share: float, text: str) -> None:
        if self.stacks.on_one_plane:
            show_progress(self.progress, share, text)
