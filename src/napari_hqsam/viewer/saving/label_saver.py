"""Save the labels that are worked on, in the background."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.errors import HqsamError
from napari_hqsam.labels import check_writable
from napari_hqsam.viewer.files.journal_files import check_free
from napari_hqsam.viewer.files.label_files import files_in_use
from napari_hqsam.viewer.main_thread import notify
from napari_hqsam.viewer.saving.save_task import SaveTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_hqsam.viewer.canvas.scene import Scene
    from napari_hqsam.viewer.session.controller import SessionController
    from napari_hqsam.worker import Worker


class LabelSaver(QObject):
    """Writes the target to a file, and moves its journal beside the file.

    Parameters
    ----------
    scene : Scene
    sessions : SessionController
    files : Worker
    has_outline : callable
        Whether there is an outlined object that is not accepted yet.
    """

    message = Signal(str)
    save_begun = Signal()
    save_ended = Signal()
    """Labels are written, failed, or were given up."""

    def __init__(
        self,
        scene: Scene,
        sessions: SessionController,
        files: Worker,
        has_outline: Callable[[], bool],
    ) -> None:
        super().__init__(sessions)
        self._scene, self._sessions, self._files = scene, sessions, files
        self._has_outline = has_outline
        self.being_saved: list[str] = []
        """Files that labels are written to."""
        self.failures = 0
        """How many saves failed."""

    @property
    def saving(self) -> bool:
        """Whether labels are being written."""
        return bool(self.being_saved)

    def suggested_path(self) -> Path:
        """Return the path to suggest.

        The file of the last save; else beside the image, named after it; if that folder
        cannot be written to, in the user's documents.
        """
        labels = self._sessions.labels
        if labels is not None and labels.file is not None:
            return labels.file
        image = self._scene.image
        if image is None:
            return _documents() / "labels.ome.tif"
        path, folder = image.source.path, _documents()
        stem = image.name
        if path is not None and "://" not in str(path):
            stem = Path(path).name.split(".")[0]
            beside = Path(path).absolute().parent
            folder = beside if os.access(beside, os.W_OK) else folder
        stem = re.sub(r'[\\/:*?"<>|\s]+', "-", stem).strip("-.") or "image"
        names = ("", *(f"-{i}" for i in range(2, 1000)))
        paths = (folder / f"{stem}-labels{n}.ome.tif" for n in names)
        return next(p for p in paths if not p.exists())

    def save(self, path: str) -> None:
        """Save the target in the background, with the image's scale and units.

        The file has the labels of one moment, with no edit half in it. The journal is
        moved beside it.
        """
        target = self._sessions.target
        if target is None:
            self.message.emit("There are no labels to save yet")
            return
        try:
            check_writable(path, sources=files_in_use(self._scene.viewer))
            check_free(path, self._sessions.session)
        except HqsamError as error:
            self.message.emit(f"Not saved: {error}")
            notify(error)
            return
        self.being_saved.append(path)
        self.save_begun.emit()
        self.message.emit(f"Saving {path}; go on meanwhile")
        SaveTask(path, target, self._sessions, self._files, parent=self).begin(
            done=lambda written: self._end(
                path, f"Saved {written}{self._open_object()}"
            ),
            failed=lambda error: self._fail(path, error),
            is_wanted=lambda: path in self.being_saved,
        )

    def _fail(self, path: str, error: Exception) -> None:
        self.failures += 1
        self._end(path, f"{path} is not saved")
        notify(error)

    def _end(self, path: str, message: str) -> None:
        self.message.emit(message)
        self.being_saved.remove(path)
        self.save_ended.emit()

    def drop_saves(self) -> None:
        """Abandon running saves; the journals contain all edits."""
        for topic in ("snapshot", "save"):
            self._files.cancel(topic)
        self.being_saved.clear()
        self.save_ended.emit()

    def _open_object(self) -> str:
        """Return a note if an object is outlined but not accepted: it is not saved."""
        if self._has_outline():
            return ", but not the outlined object: it is not accepted yet"
        return ""


def _documents() -> Path:
    """Return the folder of the user's documents; else the home folder."""
    documents = Path(platformdirs.user_documents_dir())
    return documents if documents.is_dir() else Path.home()
