"""The batch section: segment many files in the background."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton

from napari_hqsam.viewer.batch.describing import labels_folder
from napari_hqsam.viewer.parts.fields import (
    SpinBox,
    choice,
    progress_bar,
    show_progress,
    switch,
)
from napari_hqsam.viewer.parts.forms import Section, button

if TYPE_CHECKING:
    from napari_hqsam.viewer.batch.controller import BatchController
    from napari_hqsam.viewer.canvas.scene import Scene

_FILTER = "Job (*.yaml);;JSON (*.json)"


class BatchSection(Section):
    """Choice of images and of where labels go; run, cancel, save the job.

    Parameters
    ----------
    scene : Scene
    batches : BatchController
    """

    def __init__(self, scene: Scene, batches: BatchController) -> None:
        super().__init__(
            "Batch", "Find all objects in files, in the background", is_open=False
        )
        self.scene, self.batches = scene, batches
        self.state = batches.state
        self._add_choices()
        self._add_run()
        for name in ("source", "folder", "labels"):
            getattr(self.state.events, name).connect(self.refresh)
        self.state.events.source.connect(self._on_source)
        scene.image_changed.connect(self.refresh)
        batches.changed.connect(self.refresh)
        batches.advanced.connect(self._on_advanced)
        self.refresh()

    def _add_choices(self) -> None:
        form = self.form()
        self.source = choice(self.state, "source")
        self.folder = _path_button("The folder of the images", self._choose_folder)
        self.labels = _path_button(
            "The folder that the labels go to; it is made if it is missing",
            self._choose_labels,
        )
        self.suffix = choice(self.state, "suffix")
        self.workers = SpinBox()
        self.workers.setRange(1, max(os.cpu_count() or 1, 1))
        self.workers.setToolTip(
            "Processes, each with a model of its own. Several divide one large image\n"
            "into blocks"
        )
        self.workers.valueChanged.connect(
            lambda value: setattr(self.state, "workers", value)
        )
        self.restart = switch(self.state, "restart")
        self.form_rows = form
        form.addRow("images", self.source.native)
        form.addRow("in", self.folder)
        form.addRow("labels to", self.labels)
        form.addRow("format", self.suffix.native)
        form.addRow("processes", self.workers)
        form.addRow("", self.restart.native)

    def _add_run(self) -> None:
        self.run = button(
            "",
            "Find all objects in the files with the present settings: model,\n"
            "channels, contrast, output, and where prompts come from (under Prompts).\n"
            "Goes on where an earlier run ended; the viewer stays free meanwhile",
            self.toggle,
            icon="batch",
        )
        self.save = button(
            "Job file ...",
            "Write what would be done to a file, for another computer or a cluster:\n"
            "napari-hqsam batch JOB.yaml",
            self._save,
            icon="save",
        )
        self.progress = progress_bar("What is done, and the time left")
        row = QHBoxLayout()
        row.addWidget(self.run, 3)
        row.addWidget(self.save, 2)
        self.rows.addLayout(row)
        self.rows.addWidget(self.progress.native)

    # --- show ---------------------------------------------------------------------

    def refresh(self) -> None:
        """Show folders, and whether a job runs."""
        running = self.batches.running
        self.run.setText("Cancel" if running else "Run batch")
        self.save.setEnabled(not running)
        if not running:
            self.progress.visible = False
        self.form_rows.setRowVisible(self.folder, self.state.source == "folder")
        _show_path(self.folder, self.state.folder, "choose ...")
        _show_path(
            self.labels, labels_folder(self.scene, self.state), "choose a folder ..."
        )
        with QSignalBlocker(self.workers):
            self.workers.setValue(self.state.workers)

    def _on_advanced(self, share: float, text: str) -> None:
        self.progress.visible = True
        show_progress(self.progress, share, text)

    # --- change -------------------------------------------------------------------

    def toggle(self) -> None:
        """Run the batch, or cancel the one that runs."""
        if self.batches.running:
            self.batches.cancel()
        else:
            self.batches.start()

    def _on_source(self, source: str) -> None:
        if source == "folder" and not self.state.folder:
            self._choose_folder()

    def _choose_folder(self) -> None:
        found = self._ask("Folder of images", self.state.folder)
        if found:
            self.state.folder = found

    def _choose_labels(self) -> None:
        found = self._ask("Folder of labels", self.state.labels)
        if found:
            self.state.labels = found

    def _ask(self, title: str, begin: str) -> str:
        return QFileDialog.getExistingDirectory(self, title, begin)

    def _save(self) -> None:
        path, kind = QFileDialog.getSaveFileName(self, "Save job", "job.yaml", _FILTER)
        if path:
            known = path.lower().endswith((".yaml", ".yml", ".json"))
            suffix = ".json" if "json" in kind else ".yaml"
            self.batches.save(path if known else path + suffix)


def _path_button(tip: str, call: object) -> QPushButton:
    assert callable(call)
    made = button("", tip, call)
    made.setProperty("tip", tip)
    return made


def _show_path(shown: QPushButton, path: str, nothing: str) -> None:
    """Show the last parts of a path, which must not widen the panel."""
    parts = path.rstrip("/\\").replace("\\", "/").split("/")[-2:]
    text = "/".join(part if len(part) <= 12 else f"{part[:11]}…" for part in parts)
    shown.setText(text or nothing)
    shown.setToolTip("\n".join(filter(None, (path, shown.property("tip")))))
