"""The list of unsaved sessions: choose one, restore or discard it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_hqsam.viewer.parts.forms import button, label

if TYPE_CHECKING:
    from napari_hqsam.viewer.files.unsaved_sessions import Unsaved
    from napari_hqsam.viewer.saving.session_recovery import SessionRestorer

_ROWS = 3
"""Entries that are seen at once."""


class EarlierSessions(QWidget):
    """List of the sessions that were not saved.

    Parameters
    ----------
    restorer : SessionRestorer
    """

    def __init__(self, restorer: SessionRestorer) -> None:
        super().__init__()
        self.restorer = restorer
        self.entries = QListWidget()
        self.entries.setObjectName("unsaved-sessions")
        self.entries.setToolTip("Sessions with changes that were not saved")
        self.entries.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.entries.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.entries.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.entries.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.entries.setMinimumWidth(1)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(3)
        rows.addWidget(self.entries)
        row = QHBoxLayout()
        row.setSpacing(3)
        row.addWidget(
            button(
                "Restore",
                "Open its image if need be, make its labels again, and go on",
                self.restore,
            )
        )
        row.addWidget(
            button("Discard ...", "Remove what was not saved, for good", self.discard)
        )
        rows.addLayout(row)
        self.damaged = label()
        rows.addWidget(self.damaged)
        restorer.provenance.ask = self._ask
        restorer.listed.connect(self.refresh)
        self.refresh()

    @property
    def chosen(self) -> Unsaved | None:
        """The entry that is chosen."""
        item = self.entries.currentItem()
        found: Unsaved | None = (
            None if item is None else item.data(Qt.ItemDataRole.UserRole)
        )
        return found

    def refresh(self) -> None:
        """Update the list; the chosen session stays chosen."""
        before = self.chosen
        with QSignalBlocker(self.entries):
            self.entries.clear()
            for one in self.restorer.unsaved:
                # The name of a file has a line of its own: it may be long.
                detail = one.detail.replace(" not in ", " not in\n")
                item = QListWidgetItem(f"{one.title}\n{detail}")
                item.setData(Qt.ItemDataRole.UserRole, one)
                saved = "" if one.labels is None else f"\nSaved in {one.labels}"
                item.setToolTip(f"{one.text}{saved}\nJournal: {one.journal}")
                self.entries.addItem(item)
                if before is not None and one.journal == before.journal:
                    self.entries.setCurrentItem(item)
        if self.chosen is None and self.entries.count():
            fitting = (
                i for i, one in enumerate(self.restorer.unsaved) if self._fits(one)
            )
            self.entries.setCurrentRow(next(fitting, 0))
        self._show_damaged()
        shown = range(min(self.entries.count(), _ROWS))
        height = sum(self.entries.sizeHintForRow(row) for row in shown)
        self.entries.setFixedHeight(height + 2 * self.entries.frameWidth() + 4)

    def _show_damaged(self) -> None:
        """Show which journals cannot be read."""
        damaged = self.restorer.damaged
        self.damaged.setHidden(not damaged)
        if len(damaged) == 1:
            which, kept = "An earlier session", f"{damaged[0].journal.name} is"
        else:
            which, kept = f"{len(damaged)} earlier sessions", "their journals are"
        self.damaged.setText(f"{which} cannot be read; {kept} kept")
        self.damaged.setToolTip("\n".join(f"{d.journal}\n{d.why}" for d in damaged))

    def _ask(self, text: str) -> bool:
        """Ask a yes-or-no question; whether the answer is yes."""
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        return bool(QMessageBox.question(self, "HQ-SAM", text, yes | no, no) == yes)

    def _fits(self, one: Unsaved) -> bool:
        return self.restorer.fits(one)

    def restore(self) -> None:
        """Restore the chosen session."""
        if self.chosen is not None:
            self.restorer.restore(self.chosen)

    def discard(self) -> None:
        """Remove the unsaved part of the chosen session, after a question."""
        chosen = self.chosen
        if chosen is None:
            return
        kept = (
            "" if chosen.labels is None else f"\n\n{chosen.labels.name} stays as it is."
        )
        text = (
            f"Discard what was not saved of {chosen.text}?\n"
            f"This cannot be undone.{kept}"
        )
        yes = QMessageBox.StandardButton.Discard
        no = QMessageBox.StandardButton.Cancel
        if QMessageBox.question(self, "Discard", text, yes | no, no) == yes:
            self.restorer.discard(chosen)
