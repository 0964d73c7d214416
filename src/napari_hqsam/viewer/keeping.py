"""Saving labels, and what of earlier sessions was not saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QObject

from napari_hqsam.viewer.journaling import discard, unsaved_sessions
from napari_hqsam.viewer.main_thread import tell
from napari_hqsam.viewer.planes import layer_shape
from napari_hqsam.viewer.snapshots import Snapshot
from napari_hqsam.viewer.worker import InferenceWorker, Urgency
from napari_hqsam.viewer.writers import save_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_hqsam.viewer.journaling import Unsaved
    from napari_hqsam.viewer.labelling import Labelling
    from napari_hqsam.viewer.scene import Scene


class Keeping(QObject):
    """Files of labels and journals.

    Parameters
    ----------
    scene : Scene
    labelling : Labelling
    files : InferenceWorker
    """

    listed = Signal()
    """The unsaved sessions were looked up."""
    said = Signal(str)

    def __init__(
        self, scene: Scene, labelling: Labelling, files: InferenceWorker
    ) -> None:
        super().__init__(labelling)
        self._scene, self._labelling, self._files = scene, labelling, files
        self.unsaved: list[Unsaved] = []
        self._saving = 0

    @property
    def saving(self) -> bool:
        """Whether labels are being written."""
        return self._saving > 0

    def suggested_path(self) -> Path:
        """Where labels would be saved: beside their image."""
        image = self._scene.image
        path = None if image is None else image.source.path
        if path is None:
            return Path.cwd() / "labels.ome.tif"
        stem = Path(path).name.split(".")[0]
        return Path(path).with_name(f"{stem}-labels.ome.tif")

    def save(self, path: str) -> None:
        """Save the target in the background, with the image's scale and units.

        As it is now, or a moment later, but no edit is saved half. Its journal goes
        with it.
        """
        target = self._labelling.target
        if target is None:
            self.said.emit("There are no labels to save yet")
            return
        attributes = target.layer.as_layer_data_tuple()[1]
        self._saving += 1
        self.said.emit(f"Saving {path}; go on meanwhile")

        def write(labels: NDArray[Any]) -> None:
            self._files.submit(
                Urgency.BATCH,
                "save",
                lambda _: save_labels(path, labels, attributes),
                done,
                failed,
                replace=False,
            )

        def done(written: str) -> None:
            self._saving -= 1
            if self._labelling.target is target:
                self._labelling.follow(written)
            self.said.emit(f"Saved {written}")

        def failed(error: Exception) -> None:
            self._saving -= 1
            self.said.emit(f"{path} is not saved")
            tell(error)

        Snapshot(target, self._files, write, failed, parent=self)

    def look_up(self) -> None:
        """Look for sessions that were not saved."""
        self._files.submit(
            Urgency.PREFETCH, "unsaved", lambda _: unsaved_sessions(), self._list, tell
        )

    def _list(self, found: list[Unsaved]) -> None:
        self.unsaved = found
        self.listed.emit()
        here = [one for one in found if self.fits(one)]
        if here:
            self.said.emit(
                f"{here[0].text}: was not saved. Restore it in the section Session"
            )

    def fits(self, session: Unsaved) -> bool:
        """Whether a session was made on the image that is open, as far as one sees."""
        image = self._scene.image
        if image is None or image.name != session.image:
            return False
        return layer_shape(image)[self._scene.dropped :] == session.shape

    def restore(self, session: Unsaved) -> None:
        """Make the labels of an unsaved session again, and go on with it."""
        self._labelling.restore(session.journal)
        self._forget(session)

    def discard(self, session: Unsaved) -> None:
        """Remove the journal of an unsaved session for good."""
        discard(session.journal)
        self._forget(session)

    def _forget(self, session: Unsaved) -> None:
        self.unsaved = [one for one in self.unsaved if one != session]
        self.listed.emit()
