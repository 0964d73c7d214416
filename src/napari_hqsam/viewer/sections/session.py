"""The session section: undo, redo, save, messages, and the unsaved sessions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMessageBox

from napari_hqsam.labels.formats import FORMATS, format_of, label_suffixes
from napari_hqsam.viewer.parts.forms import Section, bar, button, label
from napari_hqsam.viewer.parts.keys import KEYS
from napari_hqsam.viewer.sections.unsaved_sessions import EarlierSessions

if TYPE_CHECKING:
    from napari_hqsam.viewer.images.image_switcher import ImageSwitcher
    from napari_hqsam.viewer.objects.undo import Undo
    from napari_hqsam.viewer.saving.label_saver import LabelSaver
    from napari_hqsam.viewer.saving.session_recovery import SessionRestorer
    from napari_hqsam.viewer.session.controller import SessionController


class SessionSection(Section):
    """Unsaved sessions; the buttons (`bar`) and messages (`status`) are shown apart.

    Parameters
    ----------
    sessions : SessionController
    undo : Undo
    saver : LabelSaver
    restorer : SessionRestorer
    image_switcher : ImageSwitcher
    """

    def __init__(
        self,
        sessions: SessionController,
        undo: Undo,
        saver: LabelSaver,
        restorer: SessionRestorer,
        image_switcher: ImageSwitcher,
    ) -> None:
        super().__init__(
            "Not saved", "Earlier sessions that were not saved", is_open=True
        )
        self.sessions, self.saver, self.restorer = sessions, saver, restorer
        self.bar = bar(self._buttons(undo))
        self.earlier = EarlierSessions(restorer)
        self.rows.addWidget(self.earlier)
        self.status = label("", "What happened last", lines=2)
        sessions.changed.connect(self.refresh)
        restorer.listed.connect(self.refresh)
        for source in (sessions, saver, restorer, image_switcher):
            source.message.connect(self._say)
        self.refresh()

    def _buttons(self, undo: Undo) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(3)
        self.save = button(
            "Save ...",
            "As TIFF, OME-TIFF or OME-Zarr, with scale and units;\n"
            "the journal goes with the labels",
            self._save,
            icon="save",
        )
        key = KEYS["undo"].key
        row.addWidget(
            button(
                f"Undo ({key})",
                f"Last prompt; without one, the last step on the labels\nKey: {key}",
                undo.undo,
                icon="undo",
            ),
            2,
        )
        row.addWidget(
            button(
                "Redo",
                f"Do again what was undone\nKey: {KEYS['redo'].key}",
                undo.redo,
                icon="redo",
            ),
            2,
        )
        row.addWidget(self.save, 2)
        return row

    def refresh(self) -> None:
        """Update whether there is anything to save or to restore."""
        self.save.setEnabled(self.sessions.target is not None)
        session = self.sessions.session
        journal = None if session is None else session.journal
        if journal is not None:
            self.status.setToolTip(f"Journal: {journal.path}")
        self.setHidden(not (self.restorer.unsaved or self.restorer.damaged))

    def _say(self, text: str) -> None:
        self.status.setText(text)

    def _save(self) -> None:
        suggested = str(self.saver.suggested_path())
        path, kind = QFileDialog.getSaveFileName(
            self, "Save labels", suggested, name_filter(suggested)
        )
        named = with_suffix(path, kind)
        # The dialog has asked about the name that it was given.
        if path and (named == path or self._may_be_written(named)):
            self.saver.save(named)

    def _may_be_written(self, path: str) -> bool:
        """Ask before a file is replaced."""
        if not os.path.lexists(path):
            return True
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        text = f"{path} already exists.\nDo you want to replace it?"
        return bool(
            QMessageBox.question(self, "Save labels", text, yes | no, no) == yes
        )


def name_filter(suggested: str) -> str:
    """Return the formats for a file dialog, that of the suggested name first."""
    first = format_of(suggested)
    formats = sorted(FORMATS, key=lambda each: each is not first)
    return ";;".join(f"{each.name} (*{each.suffixes[0]})" for each in formats)


def with_suffix(path: str, kind: str) -> str:
    """Add the suffix of the chosen kind of file to a name without one."""
    if path.lower().endswith(label_suffixes()) or "(*" not in kind:
        return path
    return path + kind.split("(*")[1].rstrip(")")
