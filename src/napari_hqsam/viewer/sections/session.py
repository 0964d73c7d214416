"""The journal: undo, saving, and what earlier sessions left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QWidget

from napari_hqsam.viewer.forms import Section, bar, button, label, narrow
from napari_hqsam.viewer.keys import KEYS

if TYPE_CHECKING:
    from napari_hqsam.viewer.following import Following
    from napari_hqsam.viewer.journaling import Unsaved
    from napari_hqsam.viewer.keeping import Keeping
    from napari_hqsam.viewer.labelling import Labelling
    from napari_hqsam.viewer.objects import Objects

_FILTER = "OME-TIFF (*.ome.tif);;TIFF (*.tif);;OME-Zarr (*.ome.zarr)"


class SessionSection(Section):
    """Sessions that were not saved; `bar` and `status` are shown apart.

    Parameters
    ----------
    labelling : Labelling
    objects : Objects
    keeping : Keeping
    following : Following
    """

    def __init__(
        self,
        labelling: Labelling,
        objects: Objects,
        keeping: Keeping,
        following: Following,
    ) -> None:
        super().__init__(
            "Not saved", "Earlier sessions that were not saved", is_open=True
        )
        self.labelling, self.objects, self.keeping = labelling, objects, keeping
        self.bar = bar(self._buttons())
        self.earlier = self._earlier()
        self.rows.addWidget(self.earlier)
        self.status = label("", "What happened last", lines=2)
        labelling.changed.connect(self.refresh)
        keeping.listed.connect(self.refresh)
        for says in (objects, keeping, following):
            says.said.connect(self._say)
        self.refresh()

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(3)
        self.save = button(
            "Save ...",
            "As TIFF, OME-TIFF or OME-Zarr, with scale and units;\n"
            "the journal goes with the labels",
            self._save,
            icon="save",
        )
        undo, redo = KEYS["undo"].key, KEYS["redo"].key
        row.addWidget(
            button(
                f"Undo ({undo})",
                f"Last prompt; without one, the last step on the labels\nKey: {undo}",
                self.objects.undo,
                icon="undo",
            ),
            2,
        )
        row.addWidget(
            button(
                "Redo",
                f"Do again what was undone\nKey: {redo}",
                self.objects.redo,
                icon="redo",
            ),
            2,
        )
        row.addWidget(self.save, 2)
        return row

    def _earlier(self) -> QWidget:
        """Sessions that were not saved, to be restored or removed."""
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        self.unsaved = narrow(QComboBox())
        self.unsaved.setToolTip("Sessions that were not saved, the newest first")
        row.addWidget(self.unsaved, 3)
        row.addWidget(
            button(
                "Restore",
                "Make its labels again; its image must be the one that is open",
                self._restore,
            ),
            2,
        )
        row.addWidget(
            button("Discard", "Remove its journal for good", self._discard), 2
        )
        return body

    def refresh(self) -> None:
        """Show what can be saved and restored."""
        self.save.setEnabled(self.labelling.target is not None)
        session = self.labelling.session
        journal = None if session is None else session.journal
        if journal is not None:
            self.status.setToolTip(f"Journal: {journal.path}")
        with QSignalBlocker(self.unsaved):
            self.unsaved.clear()
            for one in self.keeping.unsaved:
                self.unsaved.addItem(one.text, one)
        self.setHidden(not self.keeping.unsaved)

    def _say(self, text: str) -> None:
        self.status.setText(text)

    def _restore(self) -> None:
        chosen: Unsaved | None = self.unsaved.currentData()
        if chosen is not None:
            self.keeping.restore(chosen)

    def _discard(self) -> None:
        chosen: Unsaved | None = self.unsaved.currentData()
        if chosen is not None:
            self.keeping.discard(chosen)

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save labels", str(self.keeping.suggested_path()), _FILTER
        )
        if path:
            self.keeping.save(path)
